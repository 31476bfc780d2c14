-- Studies of $site that were taken back, also since the last night.
select study_uid
from withdrawn_study
where site = $site
