-- The spooled files that hold the texts of these report events.
select report_event.message_id, min(ledger.content_id) as content_id
from report_event
join ledger
    on ledger.site = report_event.site
    and (ledger.offer_id = report_event.offer_id or ledger.message_id = report_event.message_id)
    and ledger.outcome not in ('duplicate', 'conflict')
where report_event.site = $site and list_contains($wanted, report_event.message_id)
group by report_event.message_id
