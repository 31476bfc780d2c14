select count(*)
from night
where site = $site and status = 'running';
