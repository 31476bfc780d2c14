select payload
from returned
where site = $site and imported_at <= $cut
order by seq desc
limit 1
