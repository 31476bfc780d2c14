select erasure_id, studies, images, messages
from erasure
where site = $site and finished_at is null
order by asked_at, erasure_id;
