-- What persons set right in the labels of reports. Identifiers are pseudonyms; times are UTC, as ISO 8601 text.
-- Nothing is changed or deleted: the last correction of a report counts, whatever pack reads it later.

create table report_correction (
    correction_id integer primary key,
    site text not null,
    message_id text not null,
    author text not null,                 -- the account, or the name given with a CSV
    label text not null check (label in ('present', 'absent', 'uncertain', 'not_addressed')),
    acuity text not null check (acuity in ('acute', 'old', 'followup', 'none')),
    corrected_at text not null
) strict;
create index report_correction_message on report_correction (site, message_id);
create trigger report_correction_is_never_changed before update on report_correction
begin
    select raise(abort, 'corrections are kept as they were given');
end;
