-- The message was certainly not taken: it may be sent again.
delete from delivery
where site = $site and month = $month and issue = $issue and recipient = $recipient and sent_at is null
