-- What each image offered before was made of, as far as it was accepted.
select instance_uid, content_id
from ledger
where site = $site
    and kind = 'dicom'
    and outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred')
    and instance_uid in (select unnest($wanted));
