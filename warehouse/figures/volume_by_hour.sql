-- figure: volume_by_hour
-- title fr: Examens par heure et jour de semaine
-- title en: Studies by hour and weekday
-- definition fr: Nombre d'examens par jour de semaine (1 = lundi) et heure locale de fin de l'examen (à défaut, de son début).
-- definition en: Number of studies by weekday (1 = Monday) and local hour at which the examination ended (else, started).
-- numerator fr: examens de l'heure
-- numerator en: studies of the hour
-- denominator fr: examens dont l'heure est connue
-- denominator en: studies of which the time is known
-- exclusions fr: examens sans heure
-- exclusions en: studies without a time
-- unit: studies
-- source: study, site
with timed as (
    select
        here.site,
        here.since,
        coalesce(study.exam_completed, study.exam_started) at time zone here.time_zone as at_local
    from here
    join study on study.site = here.site and study.day >= here.since and study.day < here.until
),
counted as (
    select site, since, isodow(at_local) as weekday, hour(at_local) as hour, count(*) as studies
    from timed
    group by all
)
select
    site,
    since,
    weekday,
    hour,
    studies as numerator,
    (sum(studies) filter (hour is not null) over (partition by site, since))::bigint as denominator,
    {
        'no_exam_time': coalesce(sum(studies) filter (hour is null) over (partition by site, since), 0)::bigint
    } as excluded
from counted
qualify hour is not null
order by site, since, weekday, hour
