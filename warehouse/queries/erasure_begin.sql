insert into erasure (site, erasure_id, asked_at, studies, images, messages)
values ($site, $erasure_id, $asked_at, $studies, $images, $messages);
