-- figure: volume_by_day
-- title fr: Examens par jour
-- title en: Studies by day
-- definition fr: Nombre d'examens du périmètre pour chaque jour local, jours sans examen compris, jusqu'à l'arrêt des données.
-- definition en: Number of in-scope studies on each local day, days without any included, up to the data cut.
-- numerator fr: examens du jour
-- numerator en: studies of the day
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune
-- exclusions en: none
-- unit: studies
-- source: study, site
with days as (
    select site, since, cut, time_zone, unnest(range(since::timestamp, until::timestamp, interval 1 day))::date as day
    from here
)
select
    days.site,
    days.since,
    days.day,
    count(study.study_uid) as numerator,
    sum(count(study.study_uid)) over (partition by days.site, days.since)::bigint as denominator
from days
left join study on study.site = days.site and study.day = days.day
where days.day <= (days.cut at time zone coalesce(days.time_zone, 'UTC'))::date
group by days.site, days.since, days.day
order by days.site, days.since, days.day
