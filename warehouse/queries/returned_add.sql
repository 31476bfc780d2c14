insert into returned by name
select
    $site as site, $seq as seq, $imported_at as imported_at, $payload as payload, $payload_sha256 as payload_sha256
