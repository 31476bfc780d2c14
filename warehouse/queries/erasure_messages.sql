-- Reports, orders and merges of the patient; those without a patient by study or accession number.
select message_id
from report_event
where site = $site
    and (
        patient_id in (select unnest($patients))
        or study_uid in (select unnest($studies))
        or patient_id is null and accession_number in (select unnest($accessions))
    )
union
select message_id
from order_event
where site = $site
    and (patient_id in (select unnest($patients)) or study_uid in (select unnest($studies)))
union
select message_id
from patient_merge
where site = $site
    and (patient_id in (select unnest($patients)) or merged_id in (select unnest($patients)));
