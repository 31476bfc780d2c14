select sqlite_master.name as table_name, pragma_table_info.name as column_name
from sqlite_master
inner join pragma_table_info(sqlite_master.name)
where sqlite_master.type = 'table' and sqlite_master.name not like 'sqlite_%'
order by 1, 2;
