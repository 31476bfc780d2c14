-- figure: order_to_exam
-- title fr: De la demande à l'examen
-- title en: From order to examination
-- definition fr: Médiane et 90e percentile du temps entre la demande et le début de l'examen.
-- definition en: Median and 90th percentile of the time from the order to the start of the examination.
-- numerator fr: heures
-- numerator en: hours
-- denominator fr: examens dont la demande est datée, aux heures utilisables
-- denominator en: studies with a time of order and usable times
-- exclusions fr: heure de demande ou d'examen inconnue ; délais négatifs ou supérieurs à 365 jours
-- exclusions en: time of order or of examination unknown; negative delays or delays above 365 days
-- unit: hours
-- source: study
with delays as (
    select
        asked.site,
        asked.since,
        datediff('microsecond', ordered, exam_started) / 3.6e9 as hours,
        ordered is null as absent,
        ordered is not null and coalesce(hours < 0 or hours > 365 * 24, true) as absurd
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    coalesce(list(hours order by hours) filter (not absent and not absurd), []) as hours,
    count(*) filter (not absent and not absurd) as denominator,
    {
        'no_order_time': count(*) filter (absent),
        'unusable': count(*) filter (absurd)
    } as excluded
from asked
left join delays using (site, since)
group by site, since
order by site, since
