select instance_uid
from instance
where site = $site and study_uid in (select unnest($studies))
union
-- Refused ones as well: their files lie in the quarantine.
select instance_uid
from ledger
where site = $site and study_uid in (select unnest($studies)) and instance_uid is not null;
