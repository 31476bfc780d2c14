select count(*) as n
from audit_event
where event = $event and object = $object;
