-- Key figures from a month on; of one site, or of all.
select *
from site_month
where month >= $since and ($site is null or site = $site)
order by site, month
