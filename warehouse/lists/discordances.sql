-- Comparable studies of $site, local days from $start until before $end, in which AI and report part, with the
-- sentence that decided the label. A verdict that stands closes one. The longest known first. Times are UTC.
select
    study.study_uid,
    study.day,
    case when study.ai_result = 'negative' then 'ai_negative_report_present' else 'ai_positive_report_absent' end as direction,
    study.ai_result,
    study.score,
    study.modality,
    study.region,
    study.laterality,
    study.age_band,
    study.sex,
    study.exam_completed,
    study.report_final,
    case when study.report_final is not null then greatest(study.ai_completed, study.report_final) end as known_at,
    report_label.evidence,
    study.report_independent,
    study.verdict,
    study.verdict_at,
    study.origin
from study
left join standing_label as report_label on report_label.site = study.site and report_label.message_id = study.report_message_id
where study.site = $site and study.day >= $start and study.day < $end
    and study.ai_result in ('positive', 'doubtful', 'negative')
    and study.report_state in ('final', 'corrected')
    and study.report_label in ('present', 'absent')
    and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
    and coalesce(study.report_tier, 'decided') <> 'review'
    and (study.ai_result = 'negative') = (study.report_label = 'present')
order by known_at nulls last, study.study_uid
