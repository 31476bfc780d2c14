delete from night_failure
where site = $site and day = $day and step in (select unnest($steps))
