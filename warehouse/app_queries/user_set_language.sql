update user_account
set language = $language
where user_id = $user_id;
