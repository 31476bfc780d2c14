-- A night of which a step failed is failed, with the code of its first failing step.
update night
set status = case when failure.error is null then $status else 'failed' end,
    completed_at = case when failure.error is null then $now::timestamptz end,
    error = failure.error
from (
    select min_by(error, list_position(['study', 'report_event', 'finding', 'report_label'], step)) as error
    from night_failure
    where site = $site and day = $day
) as failure
where night.site = $site and night.day = $day
