-- SQLite, in the identified store. Birth date and sex of patients as the hospital's messages told them.
create table if not exists demographics (
    site text not null,
    message_pseudonym text not null,
    patient_pseudonym text not null,
    birth_date text,
    sex text,
    sent_at text not null,
    primary key (site, message_pseudonym)
) without rowid;
