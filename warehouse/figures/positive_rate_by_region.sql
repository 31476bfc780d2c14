-- figure: positive_rate_by_region
-- title fr: Taux de positifs par région
-- title en: Positive rate by region
-- definition fr: Taux de positifs des examens de chaque région anatomique.
-- definition en: Positive rate of the studies of each body region.
-- numerator fr: examens positifs de la région
-- numerator en: positive studies of the region
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
    count(*) filter (ai_result = 'positive') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from named
group by site, since, region
order by site, since, region = 'unknown', count(*) desc, region
