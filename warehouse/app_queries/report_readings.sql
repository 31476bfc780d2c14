select study_uid, message_id, author, label, acuity, read_at
from report_reading
where site = :site
order by reading_id
