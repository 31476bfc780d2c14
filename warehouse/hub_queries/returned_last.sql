-- The last return of each site.
select site, seq, payload
from returned
qualify row_number() over (partition by site order by seq desc) = 1
