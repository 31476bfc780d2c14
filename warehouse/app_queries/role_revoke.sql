delete from user_role
where user_id = $user_id and role = $role and site = $site;
