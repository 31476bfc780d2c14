insert or replace into site_status (site, seq, made_on, received_at, payload)
values (:site, :seq, :made_on, :received_at, :payload)
