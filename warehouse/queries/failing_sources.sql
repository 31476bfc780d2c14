select source, failing_since
from source_state
where site = $site and failing_since is not null
order by source;
