insert into incident by name
select
    $happened_at::timestamptz as happened_at,
    'restored' as kind,
    $lost_from::timestamptz as lost_from,
    $damaged as damaged
