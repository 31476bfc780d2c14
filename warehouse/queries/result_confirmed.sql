-- The other side confirmed a result.
update result_delivery set sent_at = $now
where site = $site and study_uid = $study and channel = $channel and digest = $digest
