-- How far the events of a site have come.
select coalesce(max(event_id), 0) from verdict_event where site = $site
