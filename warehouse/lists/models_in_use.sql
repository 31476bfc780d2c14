-- Every model that ever read images here, the newest first, and when it last did.
select m.model_name, m.model_version, m.model_sha256, m.threshold_doubtful, m.threshold_positive, m.first_used,
    max(f.ai_completed) as last_used, count(distinct f.instance_uid) as images
from model m
left join finding f using (model_sha256)
group by all
order by last_used desc nulls last, m.first_used desc
