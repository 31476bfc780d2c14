-- figure: volume_by_device
-- title fr: Examens par appareil
-- title en: Studies by device
-- definition fr: Nombre d'examens du périmètre par appareil (pseudonyme).
-- definition en: Number of in-scope studies by device (pseudonym).
-- numerator fr: examens de l'appareil
-- numerator en: studies of the device
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune ; appareil inconnu compté à part
-- exclusions en: none; an unknown device is counted apart
-- unit: studies
-- source: study
with named as (
    select coalesce(device, 'unknown') as device
    from study
    where site = $site and day >= $start and day < $end
)
select
    device,
    count(*) as numerator,
    sum(count(*)) over ()::bigint as denominator
from named
group by device
order by device = 'unknown', numerator desc, device
