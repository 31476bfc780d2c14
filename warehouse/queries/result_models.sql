-- The model that gave the result of each of $studies of $site.
select distinct study.study_uid, finding.model_name, finding.model_version
from study
join finding on finding.site = study.site and finding.study_uid = study.study_uid
where study.site = $site
    and study.study_uid in (select unnest($studies::varchar[]))
    and finding.model_sha256 = study.model_sha256
    and finding.code = 'fracture'
