select
    audit_sample.month,
    count(*) as drawn,
    sum(
        exists (
            select 1
            from report_reading
            where report_reading.site = audit_sample.site and report_reading.study_uid = audit_sample.study_uid
        )
    ) as read
from audit_sample
where audit_sample.site = :site
group by audit_sample.month
order by audit_sample.month
