update user_account
set oidc_subject = $oidc_subject
where user_id = $user_id and oidc_subject is null;
