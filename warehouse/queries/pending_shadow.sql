-- In-scope images of the local days from $since on that the model $model has not judged in any role, oldest first, with
-- the reason why it could not.
select
    instance.study_uid,
    instance.instance_uid,
    finding.model_sha256,
    finding.reason,
    list_has_any(instance.flags, ['BURNED_IN', 'TEXT_FOUND'])
from instance
left join finding on finding.site = instance.site
    and finding.instance_uid = instance.instance_uid
    and finding.code = 'fracture'
    and finding.model_sha256 = $model
where instance.site = $site
    and instance.in_scope
    and instance.study_uid not in (select opposed_study.study_uid from opposed_study where opposed_study.site = $site)
    and instance.study_uid not in (select taken_back.study_uid from taken_back where taken_back.site = $site)
    and instance.day >= $since
    and coalesce(finding.status, 'failed') <> 'ok'
order by finding.status is not null, instance.day, instance.study_uid, instance.instance_uid;
