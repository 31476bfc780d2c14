select study_uid, ai_result, report_state, report_label, report_acuity, verdict
from issued_study
where site = $site and month = $month and issue = $issue;
