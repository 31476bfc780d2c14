-- figure: volume_by_region
-- title fr: Examens par région et modalité
-- title en: Studies by region and modality
-- definition fr: Nombre d'examens du périmètre par région anatomique et modalité.
-- definition en: Number of in-scope studies by body region and modality.
-- numerator fr: examens de la région et de la modalité
-- numerator en: studies of the region and modality
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune ; région inconnue comptée à part
-- exclusions en: none; an unknown region is counted apart
-- unit: studies
-- source: study
with named as (
    select asked.site, asked.since, coalesce(study.region, 'unknown') as region, study.modality
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    region,
    modality,
    count(*) as numerator,
    sum(count(*)) over (partition by site, since)::bigint as denominator
from named
group by site, since, region, modality
order by site, since, region = 'unknown', sum(count(*)) over (partition by site, since, region) desc, region, modality
