update recovery_code
set used_at = $now
where user_id = $user_id and place = $place and code_hash = $code_hash and used_at is null;
