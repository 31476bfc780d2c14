-- Only forward: the same code cannot be accepted twice, nor by two requests at once.
update user_account
set totp_step = $step
where user_id = $user_id and (totp_step is null or totp_step < $step);
