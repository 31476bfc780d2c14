-- Accepted in-scope images that one model has not judged yet, oldest first.
select instance.study_uid, instance.instance_uid
from instance
where instance.site = $site
    and instance.in_scope
    and not exists (
        select 1
        from finding
        where finding.site = instance.site
            and finding.instance_uid = instance.instance_uid
            and finding.model_sha256 = $model
    )
order by instance.day, instance.study_uid, instance.instance_uid;
