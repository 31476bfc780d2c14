delete from known_device
where user_id = $user_id;
