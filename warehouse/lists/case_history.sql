-- The states that the reports of $study of $site went through, the oldest first, with what was read in each.
select
    report_event.message_id,
    report_event.status,
    report_event.event_at,
    report_event.received_at,
    report_label.label,
    report_label.acuity,
    report_label.tier,
    report_label.evidence
from report_match
join report_event using (site, message_id)
left join standing_label as report_label using (site, message_id)
where report_match.site = $site and report_match.study_uid = $study and report_match.agrees
order by
    report_event.event_at nulls first,
    list_position(['preliminary', 'final', 'corrected', 'withdrawn'], report_event.status),
    report_event.message_id
