-- What the hub gives back to its sites.

create table returned (
    site varchar not null,
    seq integer not null,
    made_at timestamptz not null,
    payload varchar not null,
    primary key (site, seq)
);
comment on table returned is 'What was given back to each site, as it was signed: a later one repeats the peer figures of an earlier one.';
