select distinct patient_id, merged_id
from patient_merge
where site = $site and patient_id <> merged_id;
