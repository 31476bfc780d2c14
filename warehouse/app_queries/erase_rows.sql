-- `{table}` and `{column}` are names that `app_columns.sql` found.
delete from {table}
where site = $site and {column} in (select value from json_each($gone));
