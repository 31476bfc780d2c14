select store, retired_at, before, removed
from retirement
where site = $site
order by retired_at desc, store;
