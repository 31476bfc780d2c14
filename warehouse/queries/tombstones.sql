select kind, pseudonym
from tombstone
where site = $site;
