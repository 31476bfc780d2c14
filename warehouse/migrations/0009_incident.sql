-- What happened to the store itself, so that no loss goes untold.

create table incident (
    happened_at timestamptz not null,
    kind varchar not null check (kind in ('restored')),
    lost_from timestamptz not null,
    damaged varchar not null,
    primary key (happened_at, kind)
);
comment on table incident is 'Damage of the warehouse that was found and mended.';
comment on column incident.happened_at is 'When the damage was found, our own clock, UTC.';
comment on column incident.kind is 'restored: the warehouse was damaged and was replaced by the last published copy.';
comment on column incident.lost_from is 'What was written after this time and before happened_at is gone, unless a source offers it again.';
comment on column incident.damaged is 'Name of the damaged file, kept beside the warehouse.';
