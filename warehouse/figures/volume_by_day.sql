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
with here as (
    select time_zone
    from site
    where site = $site
    order by valid_from < $end desc, abs(datediff('day', valid_from, $end::date))
    limit 1
),
days as (
    select unnest(range($start::timestamp, $end::timestamp, interval 1 day))::date as day
)
select
    days.day,
    count(study.study_uid) as numerator,
    sum(count(study.study_uid)) over ()::bigint as denominator
from days
left join study on study.site = $site and study.day = days.day
where days.day <= ($cut::timestamptz at time zone coalesce((select time_zone from here), 'UTC'))::date
group by days.day
order by days.day
