insert into changed_day (site, day, changed_at)
select $site, unnest($days::date[]), $now::timestamptz
on conflict (site, day) do update set changed_at = greatest(changed_day.changed_at, excluded.changed_at);
