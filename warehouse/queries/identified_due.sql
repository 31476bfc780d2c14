-- SQLite.
select count(*)
from identified
where site = $site and remembered_at < $before;
