-- figure: score_distribution
-- title fr: Distribution des scores
-- title en: Distribution of scores
-- definition fr: Nombre d'examens par classe de score maximal, vingt classes de 0,05 (0 = de 0 à 0,05 exclu).
-- definition en: Number of studies by highest score, in twenty bins of 0.05 (0 = from 0 up to, not including, 0.05).
-- numerator fr: examens de la classe
-- numerator en: studies of the bin
-- denominator fr: examens ayant un score
-- denominator en: studies with a score
-- exclusions fr: examens sans score
-- exclusions en: studies without a score
-- unit: studies
-- source: study
with bins as (
    select unnest(range(20)) as bin
),
scored as (
    select least(floor(score * 20), 19)::integer as bin, score
    from study
    where site = $site and day >= $start and day < $end
)
select
    bins.bin,
    count(scored.score) as numerator,
    sum(count(scored.score)) over ()::bigint as denominator,
    {'no_score': (select count(*) from scored where score is null)} as excluded
from bins
left join scored on scored.bin = bins.bin
group by bins.bin
order by bins.bin
