select seq, at, event, code, type_code, action, outcome, user_id, site, object, detail, address, previous, hash
from audit_event
order by seq;
