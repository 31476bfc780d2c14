insert into recovery_code (user_id, place, code_hash, made_at)
values ($user_id, $place, $code_hash, $now);
