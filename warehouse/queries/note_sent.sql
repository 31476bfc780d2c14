update report_event
set sent_at = again.sent_at
from (select unnest($messages::varchar[]) as message_id, unnest($times::timestamptz[]) as sent_at) as again
where report_event.site = $site
    and report_event.message_id = again.message_id
    and (report_event.sent_at is null or report_event.sent_at > again.sent_at);
