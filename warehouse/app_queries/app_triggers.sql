-- Guards that refuse every change and deletion: put aside while a patient is erased or a key is replaced.
select name, sql
from sqlite_master
where type = 'trigger' and tbl_name = $table;
