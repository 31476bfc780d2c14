insert or ignore into user_role (user_id, role, site)
values ($user_id, $role, $site);
