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
with discordant as (
    select
        asked.site,
        asked.since,
        study.study_uid,
        study.verdict = 'fracture' and coalesce(study.verdict_at <= asked.cut, true) as caught,
        study.verdict is null or study.verdict_at > asked.cut as not_reviewed
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    where study.ai_result in ('positive', 'doubtful')
        and study.report_state in ('final', 'corrected')
        and coalesce(study.report_final <= asked.cut, true)
        and study.report_label = 'absent'
        and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
        and coalesce(study.report_tier, 'decided') <> 'review'
)
select
    site,
    since,
    count(*) filter (caught) as numerator,
    count(study_uid) as denominator,
    {'not_reviewed': count(*) filter (not_reviewed)} as excluded
from asked
left join discordant using (site, since)
group by site, since
order by site, since
