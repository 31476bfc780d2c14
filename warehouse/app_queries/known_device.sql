select count(*) as n
from known_device
where token_hash = $token_hash and user_id = $user_id and seen_at >= $since;
