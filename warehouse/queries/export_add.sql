insert into export_bundle by name
select
    $site as site, $seq as seq, $month as month, $made_at as made_at, $scope_sha256 as scope_sha256,
    $content_sha256 as content_sha256, $payload as payload, $payload_sha256 as payload_sha256
