-- The night of $site on $day: how it went, and when it ended.
select status, completed_at
from night
where site = $site and day = $day
