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
    count(distinct patient_id) as numerator,
    count(patient_id) as denominator,
    {'no_patient_id': count(*) - count(patient_id)} as excluded
from study
where site = $site and day >= $start and day < $end
