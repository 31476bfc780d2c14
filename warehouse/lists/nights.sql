-- The last nights of $site, the newest first, with what each was offered and set aside.
select n.day, n.started_at, n.completed_at, n.status, n.error,
    count(l.offer_id) as offered,
    count(l.offer_id) filter (where l.outcome in ('quarantined', 'conflict', 'not_dicom', 'not_hl7')) as set_aside
from night n
left join ledger l on l.site = n.site and l.night = n.day
where n.site = $site
group by n.day, n.started_at, n.completed_at, n.status, n.error
order by n.day desc
limit 45
