select day
from night
where site = $site and status = 'running'
order by day;
