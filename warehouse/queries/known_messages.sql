select message_id
from report_event
where site = $site and message_id in (select unnest($wanted))
union
select message_id
from order_event
where site = $site and message_id in (select unnest($wanted))
union
select message_id
from patient_merge
where site = $site and message_id in (select unnest($wanted))
union
-- Demographics have no table here: their ledger row tells that they were taken.
select message_id
from ledger
where site = $site
    and kind = 'message'
    and outcome = 'accepted_not_inferred'
    and message_id in (select unnest($wanted));
