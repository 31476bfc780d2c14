-- The latest time at which anything of $site was committed, by our own clock; null when nothing was. The first row in
-- descending order, not the maximum: then only the newest blocks of a table are read.
select max(committed)
from (
    (select completed_at as committed from night where site = $site and completed_at is not null order by completed_at desc limit 1)
    union all
    (select received_at from ledger where site = $site order by received_at desc limit 1)
    union all
    (select received_at from report_event where site = $site order by received_at desc limit 1)
    union all
    (select received from study where site = $site order by received desc limit 1)
    union all
    (select ai_completed from study where site = $site and ai_completed is not null order by ai_completed desc limit 1)
)
