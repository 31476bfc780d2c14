-- `{table}` and `{column}` are names that `identity_columns.sql` found.
delete from {table}
where site = $site and {column} in (select unnest($gone))
returning 1;
