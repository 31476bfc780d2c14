select accession_number
from instance
where site = $site and study_uid in (select unnest($studies)) and accession_number is not null
union
select accession_number
from report_event
where site = $site and patient_id in (select unnest($patients)) and accession_number is not null
union
select accession_number
from order_event
where site = $site and patient_id in (select unnest($patients)) and accession_number is not null;
