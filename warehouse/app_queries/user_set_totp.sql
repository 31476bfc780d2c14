update user_account
set totp_secret = $secret, totp_step = $step
where user_id = $user_id;
