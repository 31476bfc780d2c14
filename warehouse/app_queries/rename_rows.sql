-- `{table}` and `{column}` are names that `app_columns.sql` found; `renamed` is the caller's function.
update {table}
set {column} = renamed({column})
where site = $site and {column} is not null;
