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
    asked.site,
    asked.since,
    count(*) filter (report_state = 'unreported') as numerator,
    count(study.study_uid) as denominator
from asked
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since
