-- SQLite. What was told of each patient, in the order in which it was sent.
select patient_pseudonym, birth_date, sex, sent_at, message_pseudonym
from demographics
where site = $site
order by sent_at, message_pseudonym;
