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
    select coalesce(region, 'unknown') as region, modality
    from study
    where site = $site and day >= $start and day < $end
)
select
    region,
    modality,
    count(*) as numerator,
    sum(count(*)) over ()::bigint as denominator
from named
group by region, modality
order by region = 'unknown', sum(count(*)) over (partition by region) desc, region, modality
