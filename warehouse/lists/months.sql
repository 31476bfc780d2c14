-- The months of $site that have a study or a night, the newest first, with their studies.
select month, sum(studies)::integer as studies
from (
    select strftime(day, '%Y-%m') as month, count(*) as studies
    from study
    where site = $site
    group by all
    union all
    select distinct strftime(day, '%Y-%m') as month, 0 as studies
    from night
    where site = $site
)
group by month
order by month desc
