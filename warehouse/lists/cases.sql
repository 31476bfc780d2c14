-- The studies of $site that a list shows, the most urgent first: those of the local days from $start until before
-- $end, or the one study $study whatever is to be done about it. `todo` is what is to be done while no clinician has
-- decided, `action` what is to be done now: see `warehouse.cases.ACTIONS`. Times are UTC.
with judged as (
    select
        *,
        case
            when ai_result in ('failed', 'not_processed') then 'not_analysed'
            when coalesce(report_acuity, 'none') in ('followup', 'old') then
                case when ai_result in ('positive', 'doubtful') then 'settled' end
            when ai_result = 'positive' and report_label = 'absent' then 'positive_report_absent'
            when ai_result = 'positive' and report_label is null then 'positive_unreported'
            when ai_result = 'doubtful' and coalesce(report_label, 'absent') = 'absent' then 'doubtful'
            when ai_result = 'negative' and report_label = 'present' then 'negative_report_present'
            when ai_result in ('positive', 'doubtful') and report_label in ('uncertain', 'not_addressed') then 'report_undecided'
            when ai_result in ('positive', 'doubtful') then 'settled'
        end as todo,
        case
            when verdict is null or todo = 'not_analysed' then todo
            when ai_result in ('positive', 'doubtful') then 'settled'
        end as action
    from study
    where site = $site
        and (($study is null and day >= $start and day < $end) or study_uid = $study)
)
select
    judged.study_uid,
    judged.day,
    judged.todo,
    judged.action,
    judged.exam_completed,
    judged.exam_started,
    judged.received,
    judged.modality,
    judged.region,
    judged.laterality,
    judged.sex,
    judged.age_band,
    judged.patient_class,
    judged.ai_result,
    judged.score,
    judged.report_state,
    judged.report_label,
    judged.report_final,
    judged.report_acuity,
    report_label.evidence,
    judged.verdict,
    judged.origin,
    coalesce(not list_contains(model.regions, coalesce(judged.region, 'unknown')), false) as outside_scope
from judged
left join model on model.model_sha256 = judged.model_sha256
left join standing_label as report_label on report_label.site = judged.site and report_label.message_id = judged.report_message_id
where judged.todo is not null or $study is not null
order by
    list_position(
        [
            'positive_report_absent',
            'positive_unreported',
            'doubtful',
            'negative_report_present',
            'report_undecided',
            'settled',
            'not_analysed'
        ],
        judged.action
    ),
    judged.report_label is not null,
    coalesce(judged.exam_completed, judged.exam_started, judged.received),
    judged.study_uid
