insert into pseudonym_key (site, key_id, since)
values ($site, $key_id, $since);
