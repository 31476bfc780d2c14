insert into ledger by name
select
    site,
    message_id as offer_id,
    'message' as kind,
    'ris' as source,
    exam_at::date as night,
    received_at,
    md5('place ' || message_id) as place_id,
    '512' as stamp,
    md5('content ' || message_id) as content_id,
    'accepted' as outcome,
    [] as reasons,
    message_id,
    'k' as key_id
from report_event
where exam_at >= $since and exam_at < $until;
