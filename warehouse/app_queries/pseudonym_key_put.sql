insert into pseudonym_key (site, key_id)
values ($site, $key_id)
on conflict (site) do update set key_id = excluded.key_id
where pseudonym_key.key_id <> excluded.key_id;
