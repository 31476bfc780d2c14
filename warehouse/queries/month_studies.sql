select *
from study
where site = $site and day >= $start and day < $end
order by study_uid;
