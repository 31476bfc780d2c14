-- New rows only; `{table}` is filled in with a name from `load.TABLES`.
insert or ignore into {table} by name
select * from incoming;
