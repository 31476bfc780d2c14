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
    select coalesce(patient_class, 'unknown') as patient_class
    from study
    where site = $site and day >= $start and day < $end
)
select
    patient_class,
    count(*) as numerator,
    sum(count(*)) over ()::bigint as denominator
from named
group by patient_class
order by patient_class = 'unknown', numerator desc, patient_class
