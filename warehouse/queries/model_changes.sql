-- The days of $site from $start up to $end on which another model than on the day before gave most results.
with daily as (
    select day, model_sha256, count(*) as n
    from study
    where site = $site and day >= $start and day < $end and model_sha256 is not null
    group by day, model_sha256
),
commonest as (
    select day, model_sha256
    from daily
    qualify row_number() over (partition by day order by n desc, model_sha256) = 1
),
compared as (
    select day, model_sha256, lag(model_sha256) over (order by day) as before
    from commonest
)
select compared.day, coalesce(model.model_name, 'unknown') as model, coalesce(model.model_version, 'unknown') as version
from compared
left join model using (model_sha256)
where compared.before is not null and compared.before <> compared.model_sha256
order by compared.day
