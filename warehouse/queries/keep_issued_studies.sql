insert into issued_study (site, month, issue, study_uid, ai_result, report_state, report_label, report_acuity, verdict)
select
    $site,
    $month,
    $issue,
    unnest($study_uids::varchar[]),
    unnest($ai_results::varchar[]),
    unnest($report_states::varchar[]),
    unnest($report_labels::varchar[]),
    unnest($report_acuities::varchar[]),
    unnest($verdicts::varchar[]);
