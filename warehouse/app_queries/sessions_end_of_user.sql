delete from web_session
where user_id = $user_id and session_id <> $kept;
