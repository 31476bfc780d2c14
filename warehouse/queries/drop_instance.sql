delete from instance
where site = $site and instance_uid = $instance_uid;
