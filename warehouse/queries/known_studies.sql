-- The studies of $site of which there is an image: no other may come back from the application's audit trail.
select distinct study_uid
from instance
where site = $site;
