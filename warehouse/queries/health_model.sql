-- Findings that give the day's studies their results, and those by another model than the one in use.
select count(*) as findings, count(*) filter (where model_sha256 <> $model) as others
from finding
where site = $site
    and status = 'ok'
    and role = 'flag'
    and study_uid in (select study_uid from study where site = $site and day = $day)
    and not exists (
        select 1
        from finding as newer
        where newer.site = finding.site
            and newer.instance_uid = finding.instance_uid
            and newer.model_sha256 = $model
            and newer.role = 'flag'
    );
