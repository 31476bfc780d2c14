-- Reports and orders of months before $before that were issued, and that speak of no study that stays.
select told.message_id
from (
    select message_id, received_at
    from report_event
    where site = $site
    union all
    select message_id, received_at
    from order_event
    where site = $site
) as told
where timezone('UTC', told.received_at)::date < $before
    and exists (
        select 1
        from issued
        where issued.site = $site and issued.month = strftime(timezone('UTC', told.received_at), '%Y-%m')
    )
    and not exists (
        select 1
        from report_match
        where report_match.site = $site
            and report_match.message_id = told.message_id
            and report_match.study_uid not in (select unnest($studies))
    )
order by all;
