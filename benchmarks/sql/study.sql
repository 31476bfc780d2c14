insert into study by name
select *
from made
order by day, site, study_uid;
