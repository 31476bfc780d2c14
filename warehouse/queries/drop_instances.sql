delete from instance
where site = $site and instance_uid in (select unnest($images));
