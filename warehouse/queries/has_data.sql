-- Whether a site has any study or night from $start up to, not including, $end.
select exists (select 1 from study where site = $site and day >= $start and day < $end)
    or exists (select 1 from night where site = $site and day >= $start and day < $end) as present;
