-- Where each site's chain stands: the last bundle taken, and the months that were told.
select site, max(seq) as seq, max_by(payload_sha256, seq) as payload_sha256, list(distinct month) as months
from bundle
group by site
