select table_name, unnest(constraint_column_names) as column_name
from duckdb_constraints()
where database_name = current_database() and schema_name = 'main' and constraint_type = 'PRIMARY KEY';
