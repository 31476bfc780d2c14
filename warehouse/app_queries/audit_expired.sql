-- The last row of those that are all older than $before, and how many rows that are.
select seq, hash, (select count(*) from audit_event older where older.seq <= audit_event.seq) as n
from audit_event
where seq < coalesce(
    (select min(seq) from audit_event where at >= $before),
    (select max(seq) + 1 from audit_event)
)
order by seq desc
limit 1;
