-- figure: score_drift
-- title fr: Dérive des scores
-- title en: Drift of scores
-- definition fr: Indice de stabilité (PSI) entre la distribution des scores du mois, en vingt classes de 0,05, et celle des trois
--    premiers mois du site ; 0 = identique, plus de 0,2 = à examiner. Sans objet pendant ces trois mois.
-- definition en: Population stability index (PSI) between the month's distribution of scores, in twenty bins of 0.05, and that of
--    the site's first three months; 0 = the same, above 0.2 = look into it. Not given for these three months.
-- numerator fr: examens du mois ayant un score
-- numerator en: studies of the month with a score
-- denominator fr: examens de référence ayant un score
-- denominator en: baseline studies with a score
-- exclusions fr: examens sans score
-- exclusions en: studies without a score
-- unit: psi
-- source: study
-- measure score_drift_limit title fr: Dérive des scores attendue du hasard
-- measure score_drift_limit title en: Drift of scores expected by chance
-- measure score_drift_limit definition fr: Valeur que l'indice dépasse une fois sur vingt sans aucune dérive, compte tenu du nombre
--    d'examens (Yurdakul et Naranjo).
-- measure score_drift_limit definition en: Value that the index exceeds one time in twenty without any drift, given the number of
--    studies (Yurdakul and Naranjo).
with baseline as (
    select asked.site, asked.since, (date_trunc('month', min(study.day)) + interval 3 month)::date as last_day
    from asked
    join study on study.site = asked.site and study.score is not null
    group by asked.site, asked.since
),
scored as (
    select asked.site, asked.since, true as in_month, study.score
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    union all
    select baseline.site, baseline.since, false, study.score
    from baseline
    join study on study.site = baseline.site and study.day < baseline.last_day
),
counted as (
    select site, since, least(floor(score * 20), 19)::integer as bin, in_month, count(*) as studies
    from scored
    where score is not null
    group by all
),
bins as (
    select site, since, unnest(range(20)) as bin
    from asked
)
select
    site,
    since,
    bin,
    coalesce(sum(studies) filter (in_month), 0)::bigint as numerator,
    coalesce(sum(studies) filter (not in_month), 0)::bigint as denominator,
    coalesce(any_value(baseline.last_day) > since, true) as in_baseline
from bins
left join baseline using (site, since)
left join counted using (site, since, bin)
group by site, since, bin
order by site, since, bin
