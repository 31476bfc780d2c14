select * from user_account
where login = $login;
