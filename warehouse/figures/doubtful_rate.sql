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
select
    asked.site,
    asked.since,
    count(*) filter (ai_result = 'doubtful') as numerator,
    count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as denominator,
    {
        'failed': count(*) filter (ai_result = 'failed'),
        'not_processed': count(*) filter (ai_result = 'not_processed')
    } as excluded
from asked
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since
