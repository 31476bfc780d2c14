with asked as (
    select
        unnest($sites) as site,
        unnest($starts::date[]) as since,
        unnest($ends::date[]) as until,
        unnest($cuts::timestamptz[]) as cut
)
