select * from user_account
where oidc_subject = $oidc_subject;
