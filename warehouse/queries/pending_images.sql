-- In-scope images that no flagging model has judged yet, new ones first, then those that one failed on: with the last
-- such model and its reason. An image that has a result keeps it, whatever model flags now.
with failed as (
    select
        instance_uid,
        arg_max(struct_pack(model_sha256 := model_sha256, reason := reason), ai_completed) as last
    from finding
    where site = $site and code = 'fracture' and role = 'flag' and status = 'failed'
    group by instance_uid
)
select
    instance.study_uid,
    instance.instance_uid,
    failed.last.model_sha256,
    failed.last.reason,
    list_has_any(instance.flags, ['BURNED_IN', 'TEXT_FOUND'])
from instance
left join failed on instance.instance_uid = failed.instance_uid
where instance.site = $site
    and instance.in_scope
    and instance.study_uid not in (select opposed_study.study_uid from opposed_study where opposed_study.site = $site)
    and instance.study_uid not in (select taken_back.study_uid from taken_back where taken_back.site = $site)
    and not exists (
        select 1
        from finding
        where finding.site = instance.site
            and finding.instance_uid = instance.instance_uid
            and finding.code = 'fracture'
            and finding.role = 'flag'
            and finding.status = 'ok'
    )
order by failed.last is not null, instance.day, instance.study_uid, instance.instance_uid;
