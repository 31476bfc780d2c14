select seq, made_on, payload
from status_sent
where site = :site
