-- The first night that was ever run, and the nights since $start with their states.
select
    (select min(day) from night where site = $site) as first,
    coalesce(
        (
            select list(struct_pack(day := day, status := status) order by day)
            from night
            where site = $site and day >= $start
        ),
        []
    ) as nights;
