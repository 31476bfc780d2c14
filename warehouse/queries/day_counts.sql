-- Studies and flagged studies of one local day.
select count(*) as studies, count(*) filter (where ai_result in ('positive', 'doubtful')) as flagged
from study
where site = $site and day = $day;
