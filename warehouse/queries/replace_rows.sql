-- New rows, and new values for known ones; `{table}` is filled in with a name from `load.TABLES`.
insert or replace into {table} by name
select * from incoming;
