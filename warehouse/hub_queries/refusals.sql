select refused_at, file_sha256, site, seq, reason
from refusal
order by refused_at desc, file_sha256
limit 500
