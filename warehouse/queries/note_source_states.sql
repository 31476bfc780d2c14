insert into source_state (site, source, failing_since, checked_at)
select $site, tried.source, case when tried.read then null else $now::timestamptz end, $now::timestamptz
from (select unnest($sources::varchar[]) as source, unnest($read::boolean[]) as read) as tried
on conflict (site, source) do update set
    failing_since = case
        when excluded.failing_since is null then null
        else coalesce(source_state.failing_since, excluded.failing_since)
    end,
    checked_at = excluded.checked_at;
