select * from user_account
where user_id = $user_id;
