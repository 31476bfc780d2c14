-- Of several corrections of a report the last one counts.
select message_id, author, label, acuity, corrected_at
from report_correction
where site = :site and message_id = :message_id
order by correction_id desc
limit 1
