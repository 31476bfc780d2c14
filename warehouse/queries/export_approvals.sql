select approved_at, approved_by, scope_sha256, content_sha256
from export_approval
where site = $site
order by approved_at
