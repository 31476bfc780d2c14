"""The only SQL: the DuckDB schema, its one writer, its published copy, and every figure."""
