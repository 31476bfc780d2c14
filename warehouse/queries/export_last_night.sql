select max(day) as day
from night
where site = $site and day >= $start and day < $end and status in ('complete', 'late')
