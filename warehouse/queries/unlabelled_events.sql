-- Report events without a label, or read with a language pack that is none of $packs any more, with the spooled file
-- that holds their text. An empty pack is a language that nobody reads: it is read again when the event is.
select ledger.content_id, list(distinct report_event.message_id order by report_event.message_id) as messages
from report_event
join ledger
    on ledger.site = report_event.site
    and ledger.message_id = report_event.message_id
    and ledger.outcome not in ('duplicate', 'conflict')
where report_event.site = $site
    and not exists (
        select 1
        from opposed_patient
        where opposed_patient.site = report_event.site and opposed_patient.patient_id = report_event.patient_id
    )
    and not exists (
        select 1
        from report_label
        where report_label.site = report_event.site
            and report_label.message_id = report_event.message_id
            and (report_label.pack = '' or list_contains($packs::varchar[], report_label.pack))
    )
group by ledger.content_id
order by ledger.content_id;
