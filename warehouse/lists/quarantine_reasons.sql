-- How many offers to $site each deciding reason set aside, the commonest first.
select coalesce(reasons[1], 'UNKNOWN') as reason, count(*) as n
from ledger
where site = $site and outcome in ('quarantined', 'conflict', 'not_dicom', 'not_hl7')
group by reason
order by n desc, reason
