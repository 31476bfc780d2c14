-- What clinicians answered on cases, event by event. Nothing is changed or deleted: an undo is an event of its own.
create table verdict_event (
    event_id integer primary key autoincrement,
    site text not null,
    study_uid text not null,
    author text not null,
    author_name text not null,
    request_key text not null,
    kind text not null check (kind in ('verdict', 'undo')),
    verdict text check (verdict in ('fracture', 'no_fracture', 'unsure')),
    comment text not null default '',
    recall integer not null default 0 check (recall in (0, 1)),
    undoes integer references verdict_event (event_id),
    decided_at text not null,
    -- The key is made by the browser, once for each click: a second delivery of it is the same event.
    unique (author, request_key),
    unique (undoes),
    check ((kind = 'verdict') = (verdict is not null)),
    check ((kind = 'undo') = (undoes is not null))
) strict;

create index verdict_event_study on verdict_event (site, study_uid, event_id);

create trigger verdict_event_unchanged before update on verdict_event
begin
    select raise(abort, 'a verdict is never changed');
end;

create trigger verdict_event_kept before delete on verdict_event
begin
    select raise(abort, 'a verdict is never deleted');
end;
