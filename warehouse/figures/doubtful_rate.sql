-- figure: doubtful_rate
-- title fr: Taux de douteux
-- title en: Doubtful rate
-- definition fr: Part des examens analysés dont le résultat de l'IA est douteux (score maximal entre les deux seuils).
-- definition en: Share of analysed studies with a doubtful AI result (highest score between the two thresholds).
-- numerator fr: examens douteux
-- numerator en: doubtful studies
-- denominator fr: examens positifs, douteux ou négatifs
-- denominator en: positive, doubtful or negative studies
-- exclusions fr: analyse échouée ; examen non analysé
-- exclusions en: analysis failed; study not analysed
-- unit: share
-- source: study
with period as (
    select unnest($starts::date[]) as since, unnest($ends::date[]) as until
)
select
    period.since,
    count(*) filter (ai_result = 'doubtful') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from period
left join study on study.site = $site and study.day >= period.since and study.day < period.until
group by period.since
order by period.since
