-- Images and their mean score for each site's month and what the report says.
select study.site, study.report_label, count(*) as images, avg(finding.score) as score
from study
inner join finding on study.site = finding.site and study.study_uid = finding.study_uid
where study.day >= $start and study.day < $end and study.report_label is not null
group by all
order by all;
