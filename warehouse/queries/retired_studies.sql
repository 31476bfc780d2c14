-- Studies of whole months before $before whose report was issued; an open or unpublished month keeps its studies.
with dated as (
    select study_uid, max(day) as day
    from (
        select study_uid, day
        from study
        where site = $site
        union all
        select study_uid, day
        from instance
        where site = $site
    )
    group by study_uid
)

select study_uid
from dated
where day < $before
    and exists (select 1 from issued where issued.site = $site and issued.month = strftime(dated.day, '%Y-%m'))
order by all;
