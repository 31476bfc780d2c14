-- `{table}` is a table of the schema, empty so far.
insert into {table} by name
select * from incoming;
