-- figure: unusable_times
-- title fr: Heures inutilisables
-- title en: Unusable times
-- definition fr: Examens exclus de chaque délai parce qu'une heure manque, que le délai est négatif ou qu'il est invraisemblable
--    (compte rendu : plus de 180 jours ; IA : plus de 30 jours ; demande : plus de 365 jours).
-- definition en: Studies left out of each duration because a time is missing, or the duration negative or absurd (report: more
--    than 180 days; AI: more than 30 days; order: more than 365 days).
-- numerator fr: examens exclus pour cette raison
-- numerator en: studies excluded for this reason
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune ; une heure de demande absente n'est pas une anomalie et n'est pas comptée
-- exclusions en: none; an absent time of order is not an error and is not counted
-- unit: studies
-- source: study
with month as (
    select *
    from study
    where site = $site and day >= $start and day < $end
),
reasons as (
    select
        'report_turnaround' as duration,
        case
            when exam_completed is null then 'no_exam_time'
            when report_final is null and report_state in ('final', 'corrected') then 'no_report_time'
            when clock_skew or report_final < exam_completed then 'clock_skew'
            when report_final > exam_completed + interval 180 day then 'too_long'
            when exam_completed > $cut then 'after_cut'
        end as reason
    from month
    union all
    select
        'ai_delay',
        case
            when ai_completed < received then 'clock_skew'
            when ai_completed > received + interval 30 day then 'too_long'
        end
    from month
    union all
    select
        'order_to_exam',
        case
            when ordered is null then null
            when exam_started is null then 'no_exam_time'
            when exam_started < ordered then 'clock_skew'
            when exam_started > ordered + interval 365 day then 'too_long'
        end
    from month
)
select duration, reason, count(*) as numerator, (select count(*) from month) as denominator
from reasons
where reason is not null
group by duration, reason
order by duration, reason
