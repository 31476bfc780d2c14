select day, changed_at
from changed_day
where site = $site
order by day;
