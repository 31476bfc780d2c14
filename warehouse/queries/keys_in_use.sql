select key_id from ledger where site = $site
union
select key_id from instance where site = $site
union
select key_id from report_event where site = $site
order by key_id;
