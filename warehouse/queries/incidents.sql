select happened_at, lost_from, damaged
from incident
where happened_at >= $since
order by happened_at
