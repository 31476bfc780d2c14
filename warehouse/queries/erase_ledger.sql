-- What was offered stays counted, under an outcome that says why nothing is left; whose it was goes.
update ledger
set
    outcome = case
        when outcome in ('accepted', 'accepted_flagged', 'unmatched') then 'accepted_not_inferred'
        else outcome
    end,
    reasons = list_prepend('ERASED', list_filter(reasons, lambda code: code <> 'ERASED')),
    content_id = case when kind = 'dicom' then offer_id else content_id end,
    study_uid = null,
    instance_uid = null,
    message_id = null,
    before_opposition = null
where site = $site
    and (
        study_uid in (select pseudonym from tombstone where site = $site and kind = 'study_uid')
        or instance_uid in (select pseudonym from tombstone where site = $site and kind = 'instance_uid')
        or message_id in (select pseudonym from tombstone where site = $site and kind = 'message_id')
        or content_id in (select pseudonym from tombstone where site = $site and kind = 'content_id')
    )
returning 1;
