-- Studies of the day against the same weekday of the eight weeks before.
select count(*) filter (where day = $day) as studies,
    (
        select median(n)
        from (
            select weeks.day, count(study.study_uid) as n
            from (select $day::date - cast(7 * week as integer) as day from range(1, 9) as weeks(week)) as weeks
            left join study on study.site = $site and study.day = weeks.day
            where weeks.day >= (select min(day) from study where site = $site)
            group by weeks.day
        )
    ) as usual
from study
where site = $site and day = $day;
