insert into user_account (user_id, login, name, language, password_hash, password_at, one_time_until, created_at)
values ($user_id, $login, $name, $language, $password_hash, $now, $one_time_until, $now);
