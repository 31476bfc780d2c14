select place_id, stamp
from ledger
where site = $site;
