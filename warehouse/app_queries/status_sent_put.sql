insert or replace into status_sent (site, seq, made_on, payload)
values (:site, :seq, :made_on, :payload)
