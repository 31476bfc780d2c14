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
    select site, since, unnest(range(20)) as bin
    from asked
),
scored as (
    select
        asked.site,
        asked.since,
        case when study.score is not null then least(floor(study.score * 20), 19)::integer end as bin,
        count(*) as studies
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    group by all
),
unscored as (
    select site, since, studies
    from scored
    where bin is null
)
select
    site,
    since,
    bins.bin,
    coalesce(scored.studies, 0) as numerator,
    coalesce(sum(scored.studies) over (partition by site, since), 0)::bigint as denominator,
    {'no_score': coalesce(unscored.studies, 0)} as excluded
from bins
left join scored using (site, since, bin)
left join unscored using (site, since)
order by site, since, bins.bin
