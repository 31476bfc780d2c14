-- Every column of every table by name: what holds an identity is found here, not in a list kept by hand.
select duckdb_columns.table_name, duckdb_columns.column_name
from duckdb_columns()
inner join duckdb_tables() using (database_name, schema_name, table_name)
where duckdb_columns.database_name = current_database() and not duckdb_columns.internal
order by all;
