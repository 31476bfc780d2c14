-- Where each site's chain stands: the last bundle taken.
select site, max(seq) as seq, max_by(payload_sha256, seq) as payload_sha256
from bundle
group by site
