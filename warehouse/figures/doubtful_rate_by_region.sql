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
    select asked.site, asked.since, coalesce(study.region, 'unknown') as region, study.ai_result
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    region,
    count(*) filter (ai_result = 'doubtful') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from named
group by site, since, region
order by site, since, region = 'unknown', count(*) desc, region
