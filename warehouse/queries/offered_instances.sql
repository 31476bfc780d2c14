-- Images that were ever offered, whatever became of them.
select distinct instance_uid
from ledger
where site = $site and kind = 'dicom' and instance_uid is not null;
