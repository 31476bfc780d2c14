-- `{table}` and `{column}` are names that `identity_columns.sql` found.
delete from {table}
where site = $site
    and {column} in (select pseudonym from tombstone where site = $site and kind = $kind)
returning 1;
