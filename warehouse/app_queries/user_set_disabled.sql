update user_account
set disabled_at = $disabled_at
where user_id = $user_id;
