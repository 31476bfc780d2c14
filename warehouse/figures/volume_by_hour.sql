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
with here as (
    select time_zone
    from site
    where site = $site
    order by valid_from < $end desc, abs(datediff('day', valid_from, $end::date))
    limit 1
),
timed as (
    select (coalesce(exam_completed, exam_started) at time zone (select time_zone from here)) as at_local
    from study
    where site = $site and day >= $start and day < $end
)
select
    isodow(at_local) as weekday,
    hour(at_local) as hour,
    count(*) as numerator,
    sum(count(*)) over ()::bigint as denominator,
    {'no_exam_time': (select count(*) from timed where at_local is null)} as excluded
from timed
where at_local is not null
group by weekday, hour
order by weekday, hour
