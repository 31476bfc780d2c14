insert into returned by name
select $site as site, $seq as seq, $made_at as made_at, $payload as payload
