select message_id, author, label, acuity, corrected_at
from report_correction
where site = :site
order by correction_id
