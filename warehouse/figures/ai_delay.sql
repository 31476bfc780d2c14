-- figure: ai_delay
-- title fr: Délai de l'IA
-- title en: AI delay
-- definition fr: Médiane et 90e percentile du temps entre la réception de la dernière image et le résultat de l'IA.
-- definition en: Median and 90th percentile of the time from the receipt of the last image to the AI result.
-- numerator fr: heures
-- numerator en: hours
-- denominator fr: examens analysés aux heures utilisables
-- denominator en: analysed studies with usable times
-- exclusions fr: examens sans résultat ; délais négatifs ou supérieurs à 30 jours
-- exclusions en: studies without a result; negative delays or delays above 30 days
-- unit: hours
-- source: study
with delays as (
    select
        datediff('microsecond', received, ai_completed) / 3.6e9 as hours,
        ai_completed is null as absent,
        coalesce(ai_completed < received or ai_completed > received + interval 30 day, false) as absurd
    from study
    where site = $site and day >= $start and day < $end
)
select
    coalesce(list(hours order by hours) filter (not absent and not absurd), []) as hours,
    count(*) filter (not absent and not absurd) as denominator,
    {
        'no_result': count(*) filter (absent),
        'unusable': count(*) filter (absurd)
    } as excluded
from delays
