update night
set error = null
where site = $site and day = $day;
