-- The studies of a site between two local days, apart, so that a figure can be asked of each alone.
create temp table month_study as select * from study where site = $site and day >= $start and day < $end
