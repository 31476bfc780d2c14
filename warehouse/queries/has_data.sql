-- Whether a site has any study or night from $start up to, not including, $end, and it was not removed after its time.
select (
    exists (select 1 from study where site = $site and day >= $start and day < $end)
    or exists (select 1 from night where site = $site and day >= $start and day < $end)
)
and not exists (select 1 from retirement where site = $site and store = 'studies' and before > $start) as present;
