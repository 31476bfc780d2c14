-- Which migrations a database has gone through; made before the first of them.
create table if not exists schema_version (
    version integer primary key,
    name varchar not null,
    sha256 varchar not null,
    applied_at timestamptz not null
);
comment on table schema_version is 'The migrations that this database has gone through.';
comment on column schema_version.version is 'Number of the migration.';
comment on column schema_version.name is 'Its file.';
comment on column schema_version.sha256 is 'Hash of the file as it was applied.';
comment on column schema_version.applied_at is 'When, UTC.';
