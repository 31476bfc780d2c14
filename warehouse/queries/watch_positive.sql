-- Studies judged and positive in each whole week (Monday to Sunday) of the last half year up to $day, oldest first.
select
    date_trunc('week', day)::date as week,
    count(*) filter (where ai_result = 'positive') as positive,
    count(*) as judged
from study
where site = $site
    and ai_result in ('positive', 'doubtful', 'negative')
    and day > $day::date - 183
    and date_trunc('week', day)::date + 6 <= $day::date
group by week
order by week;
