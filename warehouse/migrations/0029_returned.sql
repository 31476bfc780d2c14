-- What a hub gave back: annotations and the figures of anonymous peers.

create table returned (
    site varchar not null,
    seq integer not null,
    imported_at timestamptz not null,
    payload varchar not null,
    payload_sha256 varchar not null,
    primary key (site, seq)
);
comment on table returned is 'What the hub of the partnership manager gave back to a site, as it was signed; the last one counts.';
comment on column returned.site is 'The site.';
comment on column returned.seq is 'Number that the hub gave it; numbers only grow.';
comment on column returned.imported_at is 'When it was imported, UTC: a report shows what was there at its data cut.';
comment on column returned.payload is 'The signed text (JSON, schema return-1.json): annotations, peer figures.';
comment on column returned.payload_sha256 is 'SHA-256 of the payload.';
