-- All that is known of the month's studies, with what the models in the shadow found in each.
select
    study.*,
    (
        select list(struct_pack(i := instance_uid, m := model_sha256, s := score) order by instance_uid, model_sha256)
        from finding
        where finding.site = study.site and finding.study_uid = study.study_uid and finding.role = 'shadow'
    ) as shadow
from study
where site = $site and day >= $start and day < $end
order by study_uid;
