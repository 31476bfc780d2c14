select finding.* exclude (site, key_id, role)
from finding
inner join instance using (site, instance_uid)
where instance.site = $site and instance.day = $day;
