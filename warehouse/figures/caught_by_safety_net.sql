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
select
    count(*) filter (study.verdict = 'fracture' and coalesce(study.verdict_at <= $cut, true)) as numerator,
    count(*) as denominator,
    {'not_reviewed': count(*) filter (study.verdict is null or study.verdict_at > $cut)} as excluded
from study
left join standing_label as report_label on report_label.site = study.site and report_label.message_id = study.report_message_id
where study.site = $site and study.day >= $start and study.day < $end
    and study.ai_result in ('positive', 'doubtful')
    and study.report_state in ('final', 'corrected')
    and coalesce(study.report_final <= $cut, true)
    and study.report_label = 'absent'
    and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
    and coalesce(report_label.tier, 'decided') <> 'review'
