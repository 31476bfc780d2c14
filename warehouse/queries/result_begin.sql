-- Note that a result is being sent; one that was not confirmed may be sent again.
insert into result_delivery (site, study_uid, channel, digest, claimed_at)
values ($site, $study, $channel, $digest, $now)
on conflict do nothing
