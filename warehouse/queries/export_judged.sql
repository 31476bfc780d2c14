-- Hours from the AI result to the first verdict that counts, for studies of the month that have one.
select datediff('microsecond', coalesce(ai_completed, received), verdict_at) / 3.6e9 as hours
from study
where site = $site and day >= $start and day < $end and verdict is not null
order by hours, study_uid
