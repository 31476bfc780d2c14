select constraint_column_names
from duckdb_constraints()
where database_name = current_database() and table_name = $table and constraint_type = 'PRIMARY KEY';
