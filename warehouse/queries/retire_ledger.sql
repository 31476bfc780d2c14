-- What was offered stays counted under its outcome; what it was goes.
update ledger
set
    content_id = case when kind = 'dicom' then offer_id else content_id end,
    study_uid = null,
    instance_uid = null,
    message_id = null,
    before_opposition = null
where site = $site
    and (study_uid in (select unnest($studies)) or message_id in (select unnest($messages)))
returning 1;
