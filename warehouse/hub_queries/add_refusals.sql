insert into refusal by name
select refused_at, file_sha256, site, seq, reason
from refused
