-- SQLite.
delete from identified
where site = $site and study_pseudonym in (select value from json_each($gone));
