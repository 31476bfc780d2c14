-- Every issue of every monthly report of $site, the newest month first, its issues from the last to the first.
select site, month, issue, issued_at, data_cut, data_sha256, figures_sha256, definition
from issued
where site = $site
order by month desc, issue desc
