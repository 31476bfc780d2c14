-- The version of a site's facts that is valid on the last day before $end; the first one for days before it.
select site, valid_from, name, country, language, time_zone, sector, opening_start, opening_end, opening_weekdays,
    turnaround_target_hours, small_cell, threshold_doubtful, threshold_positive
from site
where site = $site
order by valid_from < $end desc, abs(datediff('day', valid_from, $end::date))
limit 1
