-- figure: turnaround_durations
-- title fr: Délais de compte rendu, examen par examen
-- title en: Report turnaround, study by study
-- definition fr: Temps entre la fin de l'examen et le premier compte rendu définitif, en heures ; censuré à l'arrêt des données
--    pour les examens sans compte rendu. Hors horaires : examen terminé un jour ou à une heure de fermeture du service.
-- definition en: Time from the end of the examination to the first final report, in hours; censored at the data cut for
--    studies without one. Out of hours: the examination ended on a day or at an hour at which the department is closed.
-- numerator fr: heures
-- numerator en: hours
-- denominator fr: examens aux heures utilisables
-- denominator en: studies with usable times
-- exclusions fr: heure de fin d'examen ou de compte rendu inconnue ; délai négatif ou supérieur à 180 jours ; examen postérieur
--    à l'arrêt des données
-- exclusions en: time of the end of examination or of the report unknown; negative or more than 180 days; examination
--    later than the data cut
-- unit: hours
-- source: study, site
-- measure report_turnaround title fr: Délai de compte rendu
-- measure report_turnaround title en: Report turnaround
-- measure report_turnaround definition fr: Médiane et 90e percentile du temps entre la fin de l'examen et le premier compte rendu
--    définitif, parmi les examens qui en ont un à l'arrêt des données ; intervalle à 95 % par statistiques d'ordre.
-- measure report_turnaround definition en: Median and 90th percentile of the time from the end of the examination to the first
--    final report, among studies that have one at the data cut; 95 % interval from order statistics.
-- measure report_turnaround denominator fr: examens ayant un compte rendu définitif et des heures utilisables
-- measure report_turnaround denominator en: studies with a final report and usable times
-- measure report_turnaround exclusions fr: examens sans compte rendu à l'arrêt des données (voir la part rendue à temps) ; heures
--    inconnues, délais négatifs ou supérieurs à 180 jours
-- measure report_turnaround exclusions en: studies without a report at the data cut (see the share reported in time); unknown
--    times, negative delays or delays above 180 days
-- measure report_turnaround_by_ai_result title fr: Délai de compte rendu selon le résultat de l'IA
-- measure report_turnaround_by_ai_result title en: Report turnaround by AI result
-- measure report_turnaround_by_ai_result definition fr: Médiane et 90e percentile du délai de compte rendu, par résultat de l'IA.
-- measure report_turnaround_by_ai_result definition en: Median and 90th percentile of report turnaround, by AI result.
-- measure report_turnaround_by_opening title fr: Délai de compte rendu aux heures ouvrées et hors horaires
-- measure report_turnaround_by_opening title en: Report turnaround in and out of opening hours
-- measure report_turnaround_by_opening definition fr: Médiane et 90e percentile du délai de compte rendu, selon que l'examen s'est
--    terminé pendant ou hors des horaires d'ouverture du service.
-- measure report_turnaround_by_opening definition en: Median and 90th percentile of report turnaround, by whether the examination
--    ended within or outside the opening hours of the department.
-- measure report_turnaround_by_hour title fr: Délai médian de compte rendu selon l'heure
-- measure report_turnaround_by_hour title en: Median report turnaround by hour
-- measure report_turnaround_by_hour definition fr: Délai médian de compte rendu, par heure locale de fin de l'examen.
-- measure report_turnaround_by_hour definition en: Median report turnaround, by local hour at which the examination ended.
-- measure reported_within title fr: Part rendue à temps
-- measure reported_within title en: Share reported within a time
-- measure reported_within unit: share
-- measure reported_within definition fr: Part des examens ayant un compte rendu définitif 1, 4, 24 et 48 heures après la fin de
--    l'examen, et dans l'objectif du site, estimée par la méthode de Kaplan-Meier (examens sans compte rendu censurés à l'arrêt
--    des données) ; intervalle à 95 % log(-log) de Greenwood.
-- measure reported_within definition en: Share of studies with a final report 1, 4, 24 and 48 hours after the end of the
--    examination, and within the site's own target, by Kaplan-Meier (studies without a report censored at the data cut); 95 %
--    log(-log) interval with Greenwood's variance.
-- measure reported_within numerator fr: examens rendus dans ce temps
-- measure reported_within numerator en: studies reported within this time
with timed as (
    select
        here.*,
        study.exam_completed at time zone here.time_zone as at_local,
        strftime(at_local, '%H:%M') as clock,
        study.exam_completed,
        study.report_final,
        coalesce(study.report_final <= here.cut, false) as observed,
        study.ai_result,
        case
            when study.exam_completed is null then 'no_exam_time'
            when study.report_final is null and study.report_state in ('final', 'corrected') then 'no_report_time'
            when study.clock_skew or study.report_final < study.exam_completed then 'clock_skew'
            when datediff('microsecond', study.exam_completed, study.report_final) > 180 * 24 * 3.6e9 then 'too_long'
            when study.exam_completed > here.cut then 'after_cut'
        end as unusable
    from here
    join study on study.site = here.site and study.day >= here.since and study.day < here.until
    where here.time_zone is not null
),
waited as (
    select
        site,
        since,
        ai_result,
        not (
            list_contains(opening_weekdays, isodow(at_local)) and clock >= opening_start and clock < opening_end
        ) as out_of_hours,
        hour(at_local) as hour,
        observed,
        unusable,
        datediff('microsecond', exam_completed, case when observed then report_final else cut end) / 3.6e9 as hours
    from timed
)
select
    site,
    since,
    ai_result,
    out_of_hours,
    hour,
    observed,
    unusable,
    coalesce(list(hours order by hours) filter (unusable is null), []) as hours,
    count(*) as numerator,
    sum(count(*)) over (partition by site, since)::bigint as denominator
from waited
group by site, since, ai_result, out_of_hours, hour, observed, unusable
order by site, since, ai_result, out_of_hours, hour, observed, unusable
