-- One report in ten was preliminary before it was final.
insert into report_event by name
select
    site,
    md5(status || study_uid) as message_id,
    md5('control ' || status || study_uid) as control_id,
    patient_id,
    study_uid,
    accession_number,
    status,
    case when status = 'final' then signed else begun + interval 20 minute end as event_at,
    begun - interval 30 minute as ordered_at,
    begun as exam_at,
    signed + interval 1 hour as received_at,
    patient_class,
    [] as flags,
    'k' as key_id,
    event_at as sent_at,
    false as ai_seen
from (
    select *, unnest(if(hash(number, 14) % 10 = 0, ['preliminary', 'final'], ['final'])) as status
    from generated
    where signed is not null
);
