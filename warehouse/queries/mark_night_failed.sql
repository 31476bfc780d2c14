update night
set status = 'failed', error = $error
where site = $site and day = $day
