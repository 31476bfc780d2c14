select kind, outcome, count(*) as n
from ledger
where site = $site and night = coalesce($night::date, night)
group by all
order by all;
