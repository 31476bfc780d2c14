select hash
from audit_event
where seq = $seq;
