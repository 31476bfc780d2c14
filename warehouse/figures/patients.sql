-- figure: patients
-- title fr: Patients
-- title en: Patients
-- definition fr: Nombre de pseudonymes de patient distincts dans les examens du mois ; les identités fusionnées comptent pour un patient.
-- definition en: Number of distinct patient pseudonyms among the month's studies; merged identities are one patient.
-- numerator fr: pseudonymes distincts
-- numerator en: distinct pseudonyms
-- denominator fr: examens dont le patient est connu
-- denominator en: studies of which the patient is known
-- exclusions fr: examens sans identifiant de patient
-- exclusions en: studies without a patient identifier
-- unit: patients
-- source: study
select
    asked.site,
    asked.since,
    count(distinct study.patient_id) as numerator,
    count(study.patient_id) as denominator,
    {'no_patient_id': count(study.study_uid) - count(study.patient_id)} as excluded
from asked
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since
