select message_id
from report_event
where site = $site and message_id in (select unnest($wanted));
