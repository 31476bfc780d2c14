-- The last issue of each month.
select month, issue, data_sha256
from issued
where site = $site
qualify row_number() over (partition by month order by issue desc) = 1
order by month;
