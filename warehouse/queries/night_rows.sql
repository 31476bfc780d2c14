select day, status, error
from night
where site = $site and day in (select unnest($days));
