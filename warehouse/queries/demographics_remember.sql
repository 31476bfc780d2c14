-- SQLite. The same message sent again is known by the earliest time, whichever came first.
insert into demographics (site, message_pseudonym, patient_pseudonym, birth_date, sex, sent_at)
values ($site, $message_pseudonym, $patient_pseudonym, $birth_date, $sex, $sent_at)
on conflict (site, message_pseudonym) do update set sent_at = min(demographics.sent_at, excluded.sent_at);
