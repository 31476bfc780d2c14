-- The mail server took the message.
update delivery set sent_at = $now
where site = $site and month = $month and issue = $issue and recipient = $recipient
