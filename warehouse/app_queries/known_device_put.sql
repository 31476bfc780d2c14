insert into known_device (token_hash, user_id, seen_at)
values ($token_hash, $user_id, $now)
on conflict (token_hash) do update set user_id = excluded.user_id, seen_at = excluded.seen_at;
