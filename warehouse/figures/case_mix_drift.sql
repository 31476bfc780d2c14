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
with baseline as (
    select asked.site, asked.since, (date_trunc('month', min(study.day)) + interval 3 month)::date as last_day
    from asked
    join study on study.site = asked.site
    group by asked.site, asked.since
),
compared as (
    select asked.site, asked.since, true as in_month, study.region, study.age_band, study.modality, study.patient_class
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    union all
    select baseline.site, baseline.since, false, study.region, study.age_band, study.modality, study.patient_class
    from baseline
    join study on study.site = baseline.site and study.day < baseline.last_day
),
grouped as (
    select *, count(*) as studies
    from compared
    group by all
),
mixes as (
    select
        site,
        since,
        in_month,
        unnest(['region', 'age_band', 'modality', 'patient_class']) as mix,
        unnest([
            coalesce(region, 'unknown'), coalesce(age_band, 'unknown'), modality, coalesce(patient_class, 'unknown')
        ]) as category,
        studies
    from grouped
)
select
    site,
    since,
    mix,
    category,
    coalesce(sum(studies) filter (in_month), 0)::bigint as numerator,
    coalesce(sum(studies) filter (not in_month), 0)::bigint as denominator,
    any_value(baseline.last_day) > since as in_baseline
from mixes
join baseline using (site, since)
group by site, since, mix, category
order by site, since, mix, category
