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
with kept as (
    select asked.site, asked.since, min(night.day) as first_day, max(night.day) as last_day
    from asked
    join night using (site)
    group by asked.site, asked.since
),
days as (
    select site, since, cut, time_zone, unnest(range(since::timestamp, until::timestamp, interval 1 day))::date as day
    from here
),
expected as (
    select days.site, days.since, days.day
    from days
    join kept using (site, since)
    where days.day >= kept.first_day
        and days.day <= greatest(kept.last_day, (days.cut at time zone coalesce(days.time_zone, 'UTC'))::date - 1)
),
states as (
    select expected.site, expected.since, coalesce(night.status, 'missed') as status
    from expected
    left join night using (site, day)
),
totals as (
    select site, since, count(*) as nights
    from states
    group by site, since
),
statuses as (
    select
        site,
        since,
        unnest(['complete', 'late', 'failed', 'running', 'missed']) as status,
        unnest(range(5)) as place
    from asked
)
select
    statuses.site,
    statuses.since,
    statuses.status,
    count(states.site) as numerator,
    coalesce(any_value(totals.nights), 0) as denominator
from statuses
left join totals using (site, since)
left join states using (site, since, status)
group by statuses.site, statuses.since, statuses.status, place
order by statuses.site, statuses.since, place
