-- The latest time at which anything of $site was committed, by our own clock; null when nothing was.
select max(committed)
from (
    select max(completed_at) as committed from night where site = $site
    union all
    select max(received_at) from ledger where site = $site
    union all
    select max(received_at) from report_event where site = $site
    union all
    select max(greatest(received, coalesce(ai_completed, received))) from study where site = $site
)
