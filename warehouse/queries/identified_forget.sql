-- SQLite.
delete from identified
where site = $site and remembered_at < $before;
