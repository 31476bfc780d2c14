select offer_id, kind, source, night, received_at, place_id, stamp, outcome
from ledger
where site = $site and content_id = $content_id
