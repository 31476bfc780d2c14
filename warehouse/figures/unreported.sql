-- figure: unreported
-- title fr: Examens encore sans compte rendu
-- title en: Studies still without a report
-- definition fr: Examens du mois sans compte rendu définitif à l'arrêt des données ; parmi eux, ceux terminés depuis plus de
--    24 heures (à défaut de l'heure de fin, depuis leur réception).
-- definition en: Studies of the month without a final report at the data cut; among them, those that ended more than 24 hours
--    before (where the end is unknown: that were received).
-- numerator fr: examens sans compte rendu définitif
-- numerator en: studies without a final report
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune
-- exclusions en: none
-- unit: studies
-- source: study
with waiting as (
    select
        coalesce(exam_completed, received) as since,
        case
            when report_final is null then report_state not in ('final', 'corrected')
            else report_final > $cut
        end as open
    from study
    where site = $site and day >= $start and day < $end
)
select 'any' as waiting, count(*) filter (open) as numerator, count(*) as denominator
from waiting
union all
select 'over_24h', count(*) filter (open and since < $cut - interval 24 hour), count(*)
from waiting
order by waiting
