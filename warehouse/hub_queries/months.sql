-- Key figures from a month on, of some sites or (null) of all. The time without its zone (it is UTC): each of a quarter
-- of a million zoned ones would be made with a time zone of its own.
select * replace (imported_at at time zone 'UTC' as imported_at)
from site_month
where month >= $since and ($sites is null or site in (select unnest($sites::varchar[])))
order by site, month
