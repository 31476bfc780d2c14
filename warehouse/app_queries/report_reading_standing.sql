-- Of several readings of a drawn report the last one counts.
select study_uid, message_id, author, label, acuity, read_at
from report_reading
where site = :site and study_uid = :study_uid
order by reading_id desc
limit 1
