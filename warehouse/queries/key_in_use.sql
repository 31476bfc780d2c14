select key_id
from ledger
where site = $site
order by received_at desc, key_id
limit 1;
