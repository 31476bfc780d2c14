-- All events on one case, the oldest first.
select
    event.event_id,
    event.site,
    event.study_uid,
    event.author,
    event.author_name,
    event.kind,
    event.verdict,
    event.comment,
    event.recall,
    event.undoes,
    event.decided_at,
    taken_back.decided_at as undone_at
from verdict_event as event
left join verdict_event as taken_back on taken_back.undoes = event.event_id
where event.site = $site and event.study_uid = $study_uid
order by event.event_id
