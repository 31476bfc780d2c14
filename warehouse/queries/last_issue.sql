select site, month, issue, issued_at, data_cut, data_sha256, figures_sha256, definition
from issued
where site = $site and month = $month
order by issue desc
limit 1;
