-- figure: caught_by_safety_net
-- title fr: Fractures rattrapées par le filet de sécurité
-- title en: Fractures caught by the safety net
-- definition fr: Examens positifs ou douteux pour l'IA, sans fracture au compte rendu, où un clinicien a ensuite conclu à une
--    fracture.
-- definition en: Studies positive or doubtful for the AI, without fracture in the report, for which a clinician then said fracture.
-- numerator fr: verdicts « fracture »
-- numerator en: verdicts of fracture
-- denominator fr: examens IA positive, compte rendu sans fracture
-- denominator en: studies AI positive, report without fracture
-- exclusions fr: les mêmes que pour l'accord ; discordances non revues
-- exclusions en: the same as for agreement; discordances not reviewed
-- unit: studies
-- source: study
with period as (
    select unnest($starts::date[]) as since, unnest($ends::date[]) as until, unnest($cuts::timestamptz[]) as cut
),
discordant as (
    select
        period.since,
        study.study_uid,
        study.verdict,
        study.verdict_at,
        period.cut
    from period
    join study on study.site = $site and study.day >= period.since and study.day < period.until
    where study.ai_result in ('positive', 'doubtful')
        and study.report_state in ('final', 'corrected')
        and coalesce(study.report_final <= period.cut, true)
        and study.report_label = 'absent'
        and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
        and coalesce(study.report_tier, 'decided') <> 'review'
)
select
    period.since,
    count(*) filter (verdict = 'fracture' and coalesce(verdict_at <= discordant.cut, true)) as numerator,
    count(study_uid) as denominator,
    {'not_reviewed': count(study_uid) filter (verdict is null or verdict_at > discordant.cut)} as excluded
from period
left join discordant on discordant.since = period.since
group by period.since
order by period.since
