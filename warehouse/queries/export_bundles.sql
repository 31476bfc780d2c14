select seq, month, made_at, scope_sha256, content_sha256, payload, payload_sha256
from export_bundle
where site = $site
order by seq
