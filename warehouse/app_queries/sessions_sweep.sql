delete from web_session
where ends_at < $now or seen_at < $idle_before;
