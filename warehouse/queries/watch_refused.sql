-- What each of the last eight weeks' nights was offered, and what of it was refused, oldest first.
select
    night,
    count(*) as offered,
    count(*) filter (where outcome in ('quarantined', 'not_dicom', 'not_hl7')) as refused
from ledger
where site = $site and night > $day::date - 56 and night <= $day
group by night
order by night;
