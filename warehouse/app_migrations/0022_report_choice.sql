-- What heads of department chose of their site's monthly report on the screen. Times are UTC, as ISO 8601 text.
-- Nothing is changed or deleted: the last version of a site counts; one without a choice goes back to the site's file.

create table report_choice (
    site text not null,
    version integer not null check (version >= 1),
    author text not null,                 -- the account
    chosen_at text not null,
    choice text,                          -- JSON as pipelines.report_choice reads it; null: the site's file again
    primary key (site, version)
) strict;
create trigger report_choice_is_never_changed before update on report_choice
begin
    select raise(abort, 'choices are kept as they were made');
end;
create trigger report_choice_is_never_removed before delete on report_choice
begin
    select raise(abort, 'choices are kept as they were made');
end;
