-- What partnership managers note on a site of the hub: events in its history, and what they will look at later.

create table portfolio_note (
    note_id integer primary key,
    site text not null,
    month text not null,                  -- YYYY-MM
    text text not null,
    author text not null,                 -- user_id
    noted_at text not null,
    removed_at text
) strict;
create index portfolio_note_site on portfolio_note (site, month);

create table portfolio_snooze (
    site text not null,
    rule text not null,
    until text not null,                  -- YYYY-MM-DD: the reason is shown again from then on
    author text not null,
    snoozed_at text not null,
    primary key (site, rule)
) strict, without rowid;
