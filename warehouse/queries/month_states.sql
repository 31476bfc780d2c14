-- What the month's studies count as at a data cut: a report signed later is not there yet.
select
    study_uid,
    ai_result,
    case when report_final > $cut then 'unreported' else report_state end as report_state,
    case when report_final > $cut then null else report_label end as report_label,
    case when report_final > $cut then null else report_acuity end as report_acuity,
    case when verdict_at > $cut then null else verdict end as verdict
from study
where site = $site and day >= $start and day < $end
order by study_uid;
