with told as (
    select message_id, bool_or(agrees) as agrees
    from report_match
    where site = $site
    group by all
)

select
    case when told.agrees then 'matched' when told.agrees is null then 'unmatched' else 'mismatched' end as state,
    count(*) as n
from report_event
left join told using (message_id)
where report_event.site = $site
group by all;
