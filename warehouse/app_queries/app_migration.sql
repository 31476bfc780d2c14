create table if not exists app_migration (
    version integer primary key,
    name text not null,
    sha256 text not null,
    applied_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) strict;
