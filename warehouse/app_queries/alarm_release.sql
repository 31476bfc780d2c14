delete from alarm_notice
where site = $site
    and cause = $cause
    and subject = $subject
    and opened_at = $opened_at
    and state = $state
    and channel = $channel;
