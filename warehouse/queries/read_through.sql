-- Reads every block of a table: DuckDB compares each with its checksum.
select count(hash(whole)) as n
from {table} as whole
