delete from changed_day
where site = $site
    and exists (
        select 1
        from (select unnest($days::date[]) as day, unnest($times::timestamptz[]) as issued_at) as issued
        where issued.day = changed_day.day and issued.issued_at >= changed_day.changed_at
    );
