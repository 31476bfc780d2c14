insert into night by name
select
    site,
    day::date as day,
    day::timestamptz + interval 27 hour as started_at,
    day::timestamptz + interval 28 hour as completed_at,
    'complete' as status
from site, (select unnest(range($first::timestamp, $last::timestamp, interval 1 day)) as day)
order by day, site;
