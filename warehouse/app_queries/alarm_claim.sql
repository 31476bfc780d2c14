insert into alarm_notice (site, cause, subject, opened_at, state, channel, claimed_at)
values ($site, $cause, $subject, $opened_at, $state, $channel, $now)
on conflict do nothing;
