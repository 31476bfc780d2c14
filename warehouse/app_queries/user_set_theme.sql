update user_account
set theme = $theme
where user_id = $user_id;
