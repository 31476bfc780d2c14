insert into app_migration (version, name, sha256)
values ($version, $name, $sha256);
