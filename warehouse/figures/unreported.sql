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
        asked.site,
        asked.since,
        study.study_uid,
        case
            when study.report_final is null then study.report_state not in ('final', 'corrected')
            else study.report_final > asked.cut
        end as open,
        coalesce(study.exam_completed, study.received) < asked.cut - interval 24 hour as over_24h
    from asked
    left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select site, since, 'any' as waiting, count(*) filter (open) as numerator, count(study_uid) as denominator
from waiting
group by site, since
union all
select site, since, 'over_24h', count(*) filter (open and over_24h), count(study_uid)
from waiting
group by site, since
order by site, since, waiting
