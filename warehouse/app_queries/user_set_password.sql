update user_account
set password_hash = $password_hash, password_at = $now, one_time_until = $one_time_until
where user_id = $user_id;
