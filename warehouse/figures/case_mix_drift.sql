-- figure: case_mix_drift
-- title fr: Dérive de la patientèle
-- title en: Drift of the case mix
-- definition fr: Indice de stabilité (PSI) entre la répartition du mois (régions, tranches d'âge, modalités, provenances) et celle
--    des trois premiers mois du site. Sans objet pendant ces trois mois.
-- definition en: Population stability index (PSI) between the month's mix (regions, age bands, modalities, patient classes) and
--    that of the site's first three months. Not given for these three months.
-- numerator fr: examens du mois
-- numerator en: studies of the month
-- denominator fr: examens de référence
-- denominator en: baseline studies
-- exclusions fr: aucune ; l'inconnu est une catégorie
-- exclusions en: none; unknown is a category
-- unit: psi
-- source: study
-- measure case_mix_drift_limit title fr: Dérive de la patientèle attendue du hasard
-- measure case_mix_drift_limit title en: Drift of the case mix expected by chance
-- measure case_mix_drift_limit definition fr: Valeur que l'indice dépasse une fois sur vingt sans aucune dérive, compte tenu du nombre
--    d'examens.
-- measure case_mix_drift_limit definition en: Value that the index exceeds one time in twenty without any drift, given the number of
--    studies.
with mixes as (
    select day, 'region' as mix, coalesce(region, 'unknown') as category from study where site = $site
    union all
    select day, 'age_band', coalesce(age_band, 'unknown') from study where site = $site
    union all
    select day, 'modality', modality from study where site = $site
    union all
    select day, 'patient_class', coalesce(patient_class, 'unknown') from study where site = $site
),
baseline as (
    select (date_trunc('month', min(day)) + interval 3 month)::date as last_day from mixes
)
select
    mix,
    category,
    count(*) filter (day >= $start and day < $end) as numerator,
    count(*) filter (day < baseline.last_day) as denominator,
    baseline.last_day > $start as in_baseline
from mixes
cross join baseline
where (day >= $start and day < $end) or day < baseline.last_day
group by mix, category, baseline.last_day
order by mix, category
