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
with scored as (
    select day, least(floor(score * 20), 19)::integer as bin
    from study
    where site = $site and score is not null
),
baseline as (
    select (date_trunc('month', min(day)) + interval 3 month)::date as last_day from scored
),
bins as (
    select unnest(range(20)) as bin
)
select
    bins.bin,
    count(*) filter (day >= $start and day < $end) as numerator,
    count(*) filter (day < baseline.last_day) as denominator,
    coalesce(baseline.last_day > $start, true) as in_baseline
from bins
cross join baseline
left join scored on scored.bin = bins.bin
group by bins.bin, baseline.last_day
order by bins.bin
