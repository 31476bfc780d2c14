-- Every pseudonym that a file, or a row of another store, is named by.
select study_uid
from instance
where site = $site
union
select instance_uid
from instance
where site = $site
union
select study_uid
from study
where site = $site
union
select message_id
from report_event
where site = $site
union
select study_uid
from ledger
where site = $site and study_uid is not null
union
select instance_uid
from ledger
where site = $site and instance_uid is not null
union
select content_id
from ledger
where site = $site;
