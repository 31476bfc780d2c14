-- The open alarms of a site first, then those that ended last.
select site, cause, subject, opened_at, seen_at, ended_at, figures
from alarm
where site = $site
order by ended_at is not null, coalesce(ended_at, opened_at) desc, cause, subject
limit $most;
