-- Months from $start up to, not including, $end that have nights or studies and were never issued.
select distinct strftime(days.day, '%Y-%m') as month
from (
    select day from night where site = $site
    union all
    select day from study where site = $site
) as days
where days.day >= $start
    and days.day < $end
    and not exists (
        select 1 from issued where issued.site = $site and issued.month = strftime(days.day, '%Y-%m')
    )
order by month;
