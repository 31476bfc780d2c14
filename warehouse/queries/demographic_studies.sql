-- The studies of the patients of $patients or of those who are one with them, with their local day.
select distinct image.study_uid, coalesce(person.person_id, image.patient_id) as person_id, image.day
from (
    select study_uid, mode(patient_id order by patient_id) as patient_id, min(day) as day
    from instance
    where site = $site and patient_id is not null
    group by study_uid
) as image
left join person on person.site = $site and person.patient_id = image.patient_id
where coalesce(person.person_id, image.patient_id) in (
    select coalesce(known.person_id, told.patient_id)
    from (select unnest($patients::varchar[]) as patient_id) as told
    left join person as known on known.site = $site and known.patient_id = told.patient_id
);
