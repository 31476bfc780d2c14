-- figure: positive_rate_by_age_band
-- title fr: Taux de positifs par tranche d'âge
-- title en: Positive rate by age band
-- definition fr: Taux de positifs des examens de chaque tranche d'âge à l'examen.
-- definition en: Positive rate of the studies of each age band at the examination.
-- numerator fr: examens positifs de la tranche
-- numerator en: positive studies of the band
-- denominator fr: examens positifs, douteux ou négatifs de la tranche
-- denominator en: positive, doubtful or negative studies of the band
-- exclusions fr: analyse échouée ; examen non analysé
-- exclusions en: analysis failed; study not analysed
-- unit: share
-- source: study
with named as (
    select asked.site, asked.since, coalesce(study.age_band, 'unknown') as age_band, study.ai_result
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    age_band,
    count(*) filter (ai_result = 'positive') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from named
group by site, since, age_band
order by site, since, try_cast(regexp_extract(age_band, '^[0-9]+') as integer) nulls last, age_band
