-- Positive and judged studies of the day, and of the 56 days before.
select count(*) filter (where day = $day and ai_result = 'positive') as positive,
    count(*) filter (where day = $day) as judged,
    count(*) filter (where day < $day and ai_result = 'positive') as positive_before,
    count(*) filter (where day < $day) as judged_before
from study
where site = $site
    and day between $day::date - 56 and $day
    and ai_result in ('positive', 'doubtful', 'negative');
