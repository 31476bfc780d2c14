-- What is to be written: new and changed rows (with the day that they had), and rows that are to go.
with stored as (
    select *
    from study
    where site = $site and origin = 'measured'
),

differing as (
    select * from rebuilt
    except
    select * from stored
)

select false as gone, stored.day as old_day, differing.*
from differing
left join stored on differing.study_uid = stored.study_uid
where not exists (
        select 1 from study where study.site = $site and study.study_uid = differing.study_uid and study.origin = 'simulated'
    )
    and ($days is null or list_contains($days::date[], differing.day) or list_contains($days::date[], stored.day))
union all
select true as gone, stored.day as old_day, stored.*
from stored
where not exists (select 1 from rebuilt where rebuilt.study_uid = stored.study_uid)
    and ($days is null or list_contains($days::date[], stored.day));
