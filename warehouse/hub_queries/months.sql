-- Key figures from a month on, of some sites or (null) of all.
select *
from site_month
where month >= $since and ($sites is null or site in (select unnest($sites::varchar[])))
order by site, month
