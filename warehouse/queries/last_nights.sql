select site, max(day)
from night
group by site
order by site;
