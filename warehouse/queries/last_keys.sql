select site, arg_max(key_id, received_at)
from ledger
group by site
order by site;
