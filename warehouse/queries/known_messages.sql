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
where site = $site and message_id in (select unnest($wanted));
