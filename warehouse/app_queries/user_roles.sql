select user_id, role, site
from user_role
where $user_id is null or user_id = $user_id
order by user_id, role, site;
