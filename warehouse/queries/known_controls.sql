select distinct control_id
from report_event
where site = $site and control_id in (select unnest($wanted));
