update web_session
set seen_at = $now
where session_id = $session_id;
