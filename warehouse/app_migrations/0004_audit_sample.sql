-- Reports drawn for a person to read blind to the AI, and what was read: the measure of the labeller's error.
-- Identifiers are pseudonyms; times are UTC, as ISO 8601 text. Nothing is changed or deleted.

create table audit_sample (
    site text not null,
    month text not null,                  -- YYYY-MM, of the study's local day
    study_uid text not null,
    message_id text not null,             -- the report that stood when the sample was drawn
    cell_ai text not null check (cell_ai in ('flagged', 'negative')),     -- never shown to the reader
    cell_label text not null check (cell_label in ('present', 'absent')), -- never shown to the reader
    place integer not null,               -- in the order of the draw within its cell, from 1
    population integer not null,          -- studies of the cell when it was drawn
    turn text not null,                   -- in this order the reports are read: it tells nothing of the cell
    drawn_at text not null,
    primary key (site, study_uid)
) strict, without rowid;
create index audit_sample_turn on audit_sample (site, month, place, turn);

create table report_reading (
    reading_id integer primary key,
    site text not null,
    study_uid text not null,
    message_id text not null,
    author text not null,                 -- the account, or the name given with a CSV
    label text not null check (label in ('present', 'absent', 'uncertain', 'not_addressed')),
    acuity text not null check (acuity in ('acute', 'old', 'followup', 'none')),
    read_at text not null,
    foreign key (site, study_uid) references audit_sample (site, study_uid)
) strict;
create index report_reading_study on report_reading (site, study_uid);
create trigger report_reading_is_never_changed before update on report_reading
begin
    select raise(abort, 'readings are kept as they were given');
end;
