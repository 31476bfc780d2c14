-- figure: studies_without_report
-- title fr: Examens sans aucun compte rendu
-- title en: Studies without any report
-- definition fr: Examens du mois pour lesquels aucun message de compte rendu, même provisoire, n'est arrivé.
-- definition en: Studies of the month for which no report message, not even a preliminary one, has come.
-- numerator fr: examens sans aucun message
-- numerator en: studies without any message
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune
-- exclusions en: none
-- unit: studies
-- source: study
select
    count(*) filter (report_state = 'unreported') as numerator,
    count(*) as denominator
from study
where site = $site and day >= $start and day < $end
