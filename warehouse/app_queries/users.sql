select * from user_account
order by login;
