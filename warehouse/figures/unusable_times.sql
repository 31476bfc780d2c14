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
    select
        asked.site,
        asked.since,
        case
            when exam_completed is null then 'no_exam_time'
            when report_final is null and report_state in ('final', 'corrected') then 'no_report_time'
            when clock_skew or report_final < exam_completed then 'clock_skew'
            when datediff('microsecond', exam_completed, report_final) > 180 * 24 * 3.6e9 then 'too_long'
            when exam_completed > asked.cut then 'after_cut'
        end as report_turnaround,
        case
            when ai_completed < received then 'clock_skew'
            when datediff('microsecond', received, ai_completed) > 30 * 24 * 3.6e9 then 'too_long'
        end as ai_delay,
        case
            when ordered is null then null
            when exam_started is null then 'no_exam_time'
            when exam_started < ordered then 'clock_skew'
            when datediff('microsecond', ordered, exam_started) > 365 * 24 * 3.6e9 then 'too_long'
        end as order_to_exam,
        count(*) over (partition by asked.site, asked.since) as studies
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
)
select site, since, duration, reason, count(*) as numerator, any_value(studies) as denominator
from month
unpivot (reason for duration in (report_turnaround, ai_delay, order_to_exam))
group by site, since, duration, reason
order by site, since, duration, reason
