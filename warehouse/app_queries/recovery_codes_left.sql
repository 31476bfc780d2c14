select place, code_hash
from recovery_code
where user_id = $user_id and used_at is null
order by place;
