update ledger
set outcome = $outcome, reasons = $reasons, study_uid = $study_uid, instance_uid = $instance_uid,
    message_id = $message_id
where site = $site and offer_id = $offer_id
