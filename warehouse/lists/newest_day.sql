-- The last local day of which $site has a measured study: what the last night was about.
select max(day) as day
from study
where site = $site and origin = 'measured'
