insert into model by name
select
    'aa' as model_sha256,
    'generated' as model_name,
    '1' as model_version,
    0.3 as threshold_doubtful,
    0.6 as threshold_positive,
    $first::timestamptz as first_used;
