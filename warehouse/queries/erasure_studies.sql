-- The studies of a patient's identifiers: of the images, of the history, of the reports that agree; and those that only
-- a message names, unless images of it say another patient.
select study_uid
from instance
where site = $site and patient_id in (select unnest($patients))
union
select study_uid
from study
where site = $site and patient_id in (select unnest($patients))
union
select report_match.study_uid
from report_match
inner join report_event using (site, message_id)
where site = $site and report_match.agrees and report_event.patient_id in (select unnest($patients))
union
select told.study_uid
from (
    select patient_id, study_uid
    from report_event
    where site = $site
    union all
    select patient_id, study_uid
    from order_event
    where site = $site
) as told
where told.patient_id in (select unnest($patients))
    and told.study_uid is not null
    and not exists (
        select 1
        from instance
        where instance.site = $site
            and instance.study_uid = told.study_uid
            and instance.patient_id not in (select unnest($patients))
    );
