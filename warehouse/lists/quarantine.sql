-- What the gate of $site refused, the newest first.
select offer_id, content_id, kind, source, night, received_at, outcome, reasons
from ledger
where site = $site and outcome in ('quarantined', 'conflict', 'not_dicom', 'not_hl7')
order by received_at desc, offer_id
limit 500
