update user_account
set totp_secret = $after
where user_id = $user_id and totp_secret = $before;
