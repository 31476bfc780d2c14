insert into finding by name
select
    site,
    study_uid,
    md5(study_uid || image) as instance_uid,
    'fracture' as code,
    if(failed, 'failed', 'ok') as status,
    case when not failed then score end as score,
    case
        when score > 0.3 and not failed then [{'x0': 100.0 + image, 'y0': 200.0, 'x1': 400.5, 'y1': 500.25, 'score': score}]
        else []
    end as boxes,
    case when failed then 'MODEL_FAILED' end as reason,
    'generated' as model_name,
    '1' as model_version,
    'aa' as model_sha256,
    day::timestamp::timestamptz + interval 27 hour as ai_completed,
    'k' as key_id,
    'flag' as role
from (
    select
        *,
        unnest(range(images)) as image,
        hash(number, image, 1) % 1000 = 0 as failed,
        pow((1 + hash(number, image, 2) % 100000) / 1e5, if(broken, 0.3, 4)) as score
    from generated
    where in_scope
);
