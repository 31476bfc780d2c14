-- figure: volume_by_patient_class
-- title fr: Examens par provenance
-- title en: Studies by patient class
-- definition fr: Nombre d'examens du périmètre par classe de patient (E urgences, I hospitalisé, O externe).
-- definition en: Number of in-scope studies by patient class (E emergency, I inpatient, O outpatient).
-- numerator fr: examens de la classe
-- numerator en: studies of the class
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune ; classe inconnue comptée à part
-- exclusions en: none; an unknown class is counted apart
-- unit: studies
-- source: study
with named as (
    select asked.site, asked.since, coalesce(study.patient_class, 'unknown') as patient_class
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select
    site,
    since,
    patient_class,
    count(*) as numerator,
    sum(count(*)) over (partition by site, since)::bigint as denominator
from named
group by site, since, patient_class
order by site, since, patient_class = 'unknown', numerator desc, patient_class
