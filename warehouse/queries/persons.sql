select patient_id, person_id
from person
where site = $site;
