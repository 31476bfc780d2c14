insert into site by name
select
    'site-' || lpad(number::varchar, 2, '0') as site,
    $first::date as valid_from,
    'Site ' || number as name,
    'FR' as country,
    'fr' as language,
    'Europe/Paris' as time_zone,
    'public' as sector,
    '08:00' as opening_start,
    '18:00' as opening_end,
    [1, 2, 3, 4, 5] as opening_weekdays,
    24.0 as turnaround_target_hours,
    1 as small_cell
from (select unnest(range($sites)) as number);
