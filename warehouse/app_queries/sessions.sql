select s.session_id, s.user_id, s.stage, s.method, s.started_at, s.seen_at, s.ends_at, s.address, s.device, u.login, u.name
from web_session s
join user_account u using (user_id)
where ($user_id is null or s.user_id = $user_id) and s.ends_at > $now and s.seen_at > $idle_before
order by s.seen_at desc;
