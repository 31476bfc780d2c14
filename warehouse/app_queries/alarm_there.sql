-- The open alarms of a site.
select cause, subject
from alarm
where site = $site and ended_at is null;
