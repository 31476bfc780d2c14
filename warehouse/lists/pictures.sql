-- The in-scope images of each of $studies of $site, the highest score first, each with the finding that counts for the
-- study's result, never a shadow's.
with wanted as (
    select study_uid, model_sha256
    from study
    where site = $site and study_uid in (select unnest($studies::varchar[]))
),
latest as (
    select finding.*
    from finding
    join wanted using (study_uid)
    where finding.site = $site and code = 'fracture' and finding.role = 'flag'
    qualify row_number() over (
        partition by instance_uid
        order by
            finding.status = 'ok' desc,
            coalesce(finding.model_sha256 = wanted.model_sha256, false) desc,
            finding.ai_completed desc,
            finding.model_sha256
    ) = 1
)
select
    instance.study_uid,
    instance.instance_uid,
    instance."view",
    instance.rows,
    instance.columns,
    latest.score,
    coalesce(latest.boxes, []) as boxes,
    latest.reason,
    instance.flags
from instance
join wanted using (study_uid)
left join latest on latest.instance_uid = instance.instance_uid
where instance.site = $site and instance.in_scope
order by instance.study_uid, latest.score desc nulls last, instance.instance_uid
