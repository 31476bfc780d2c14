select session_id, user_id, stage, method, started_at, seen_at, ends_at, address, device
from web_session
where token_hash = $token_hash;
