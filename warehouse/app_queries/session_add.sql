insert into web_session (session_id, token_hash, user_id, stage, method, started_at, seen_at, ends_at, address, device)
values ($session_id, $token_hash, $user_id, $stage, $method, $now, $now, $ends_at, $address, $device);
