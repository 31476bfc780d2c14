-- figure: doubtful_rate_by_region
-- title fr: Taux de douteux par région
-- title en: Doubtful rate by region
-- definition fr: Taux de douteux des examens de chaque région anatomique.
-- definition en: Doubtful rate of the studies of each body region.
-- numerator fr: examens douteux de la région
-- numerator en: doubtful studies of the region
-- denominator fr: examens positifs, douteux ou négatifs de la région
-- denominator en: positive, doubtful or negative studies of the region
-- exclusions fr: analyse échouée ; examen non analysé
-- exclusions en: analysis failed; study not analysed
-- unit: share
-- source: study
with named as (
    select coalesce(region, 'unknown') as region, ai_result
    from study
    where site = $site and day >= $start and day < $end
)
select
    region,
    count(*) filter (ai_result = 'doubtful') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from named
group by region
order by region = 'unknown', count(*) desc, region
