select offer_id
from ledger
where site = $site;
