-- figure: nights
-- title fr: Nuits
-- title en: Nights
-- definition fr: Nuits du mois par état, parmi celles attendues depuis la première nuit du site jusqu'à l'arrêt des données ; une
--    nuit attendue sans trace est manquée.
-- definition en: Nights of the month by status, among those expected since the site's first night and up to the data cut; an
--    expected night without a trace is missed.
-- numerator fr: nuits dans cet état
-- numerator en: nights with this status
-- denominator fr: nuits attendues
-- denominator en: nights expected
-- exclusions fr: nuits antérieures à la première du site
-- exclusions en: nights before the site's first
-- unit: nights
-- source: night, site
with here as (
    select time_zone
    from site
    where site = $site
    order by valid_from < $end desc, abs(datediff('day', valid_from, $end::date))
    limit 1
),
kept as (
    select min(day) as first_day, max(day) as last_day
    from night
    where site = $site
),
expected as (
    select day
    from (select unnest(range($start::timestamp, $end::timestamp, interval 1 day))::date as day), kept
    where day >= first_day
        and day <= greatest(
            last_day,
            ($cut::timestamptz at time zone coalesce((select time_zone from here), 'UTC'))::date - 1
        )
),
states as (
    select expected.day, coalesce(night.status, 'missed') as status
    from expected
    left join night on night.site = $site and night.day = expected.day
),
statuses as (
    select unnest(['complete', 'late', 'failed', 'running', 'missed']) as status, unnest(range(5)) as place
)
select
    statuses.status,
    count(states.day) as numerator,
    (select count(*) from expected) as denominator
from statuses
left join states using (status)
group by statuses.status, place
order by place
