-- Claim the sending of an issue to a recipient; no row where another run did before.
insert into delivery (site, month, issue, recipient, claimed_at)
values ($site, $month, $issue, $recipient, $now)
on conflict do nothing
returning recipient
