insert into bundle by name
select site, seq, month, payload_sha256, made_on, imported_at, payload
from taken
