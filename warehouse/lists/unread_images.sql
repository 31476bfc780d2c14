-- Images taken by the night of $site on $day that could not be read, by deciding reason.
select coalesce(reasons[1], 'UNKNOWN') as reason, count(*) as n
from ledger
where site = $site and night = $day and kind = 'dicom' and outcome in ('quarantined', 'conflict')
group by reason
order by n desc, reason
