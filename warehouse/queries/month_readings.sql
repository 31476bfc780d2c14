-- Reports drawn in the twelve months up to $end, and what was read of them, as far as the month's closed data cut
-- (seven local days after its end): what the labeller's own error is measured by.
with version as (
    select time_zone
    from site
    where site = $site and valid_from < $end
    order by valid_from desc
    limit 1
),

closed as (
    select timezone(version.time_zone, ($end::date + 7)::timestamp) as cut
    from version
)

select
    audit_sample.month,
    audit_sample.study_uid,
    audit_sample.message_id,
    audit_sample.cell_ai,
    audit_sample.cell_label,
    audit_sample.population,
    report_reading.author,
    report_reading.label,
    report_reading.acuity,
    report_reading.read_at
from audit_sample
cross join closed
left join report_reading
    on report_reading.site = audit_sample.site
    and report_reading.study_uid = audit_sample.study_uid
    and report_reading.message_id = audit_sample.message_id
    and report_reading.read_at <= closed.cut
where audit_sample.site = $site
    and audit_sample.drawn_at <= closed.cut
    and audit_sample.month >= strftime($start::date - interval 11 month, '%Y-%m')
    and audit_sample.month < strftime($end::date, '%Y-%m')
order by all;
