here as (
    select distinct on (asked.site, asked.since)
        asked.*,
        site.time_zone,
        site.opening_start,
        site.opening_end,
        site.opening_weekdays
    from asked
    left join site using (site)
    order by asked.site, asked.since, site.valid_from < asked.until desc, abs(datediff('day', site.valid_from, asked.until))
)
