select site, seq, made_on, received_at, payload
from site_status
where :site is null or site = :site
