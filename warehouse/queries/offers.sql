-- Which of these offers are in the ledger.
select offer_id
from ledger
where site = $site and offer_id in (select unnest($wanted));
