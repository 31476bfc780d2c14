-- Drawn and read by nobody yet. The cells take turns, and within a turn the hash decides: the order says nothing.
select month, study_uid, message_id
from audit_sample
where site = :site
    and (:month is null or month = :month)
    and not exists (
        select 1
        from report_reading
        where report_reading.site = audit_sample.site and report_reading.study_uid = audit_sample.study_uid
    )
order by month, place, turn
