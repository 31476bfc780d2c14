insert or replace into study by name
select * exclude (gone, old_day)
from changes
where not gone;
