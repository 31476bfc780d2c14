-- Every identifier of the same patient, as all merges together say.
with recursive pair as (
    select patient_id as one, merged_id as other
    from patient_merge
    where site = $site
    union
    select merged_id, patient_id
    from patient_merge
    where site = $site
),

reached as (
    select unnest($patients) as patient_id
    union
    select pair.other
    from reached
    inner join pair on reached.patient_id = pair.one
)

select patient_id
from reached;
