select site, month, study_uid, message_id, cell_ai, cell_label, place, population, turn, drawn_at
from audit_sample
where site = :site and (:month is null or month = :month)
order by month, cell_ai, cell_label, place
