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
        asked.site,
        asked.since,
        datediff('microsecond', study.received, study.ai_completed) / 3.6e9 as hours,
        study.ai_completed is null as absent,
        coalesce(hours < 0 or hours > 30 * 24, false) as absurd
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    coalesce(list(hours order by hours) filter (not absent and not absurd), []) as hours,
    count(*) filter (not absent and not absurd) as denominator,
    {
        'no_result': count(*) filter (absent),
        'unusable': count(*) filter (absurd)
    } as excluded
from asked
left join delays using (site, since)
group by site, since
order by site, since
