-- Which of the $wanted report events of $site have a label.
select message_id
from report_label
where site = $site and list_contains($wanted::varchar[], message_id);
