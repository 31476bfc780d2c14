select payload
from bundle
where site = $site and month = $month
order by seq
