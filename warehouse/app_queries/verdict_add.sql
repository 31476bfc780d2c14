-- One event, as it came.
insert into verdict_event (
    site, study_uid, author, author_name, request_key, kind, verdict, comment, recall, undoes, decided_at
)
values (
    $site, $study_uid, $author, $author_name, $request_key, $kind, $verdict, $comment, $recall, $undoes, $decided_at
)
