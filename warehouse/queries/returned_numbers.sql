select seq, payload_sha256
from returned
where site = $site
order by seq
