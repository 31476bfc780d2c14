-- What every connection is held to: no files, no network, no Python variables taken for tables; UTC throughout.
load icu;
set global TimeZone = 'UTC';
set enable_external_access = false;
set global python_enable_replacements = false;
set lock_configuration = true;
