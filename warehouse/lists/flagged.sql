-- The studies of $site and local day $day that the list shows, the most urgent first, with their images.
-- `action` is what is to be done: see `warehouse.cases.ACTIONS`. Times are UTC.
with latest as (
    -- One finding per image: that of the model that gave the study its result.
    select finding.*
    from finding
    join study using (site, study_uid)
    where site = $site and study.day = $day and code = 'fracture'
        and (study.model_sha256 is null or finding.model_sha256 = study.model_sha256)
    qualify row_number() over (partition by instance_uid order by finding.ai_completed desc, finding.model_sha256) = 1
),
pictures as (
    select
        instance.study_uid,
        list(
            {
                'instance_uid': instance.instance_uid,
                'view': instance."view",
                'rows': instance.rows,
                'columns': instance.columns,
                'score': latest.score,
                'boxes': coalesce(latest.boxes, []),
                'reason': latest.reason
            }
            order by latest.score desc nulls last, instance.instance_uid
        ) as images
    from instance
    left join latest using (instance_uid)
    where instance.site = $site and instance.in_scope
        and instance.study_uid in (select study_uid from study where site = $site and day = $day)
    group by instance.study_uid
),
judged as (
    select
        study.*,
        case
            when ai_result in ('failed', 'not_processed') then 'not_analysed'
            when verdict is not null or coalesce(report_acuity, 'none') in ('followup', 'old') then
                case when ai_result in ('positive', 'doubtful') then 'settled' end
            when ai_result = 'positive' and report_label = 'absent' then 'positive_report_absent'
            when ai_result = 'positive' and report_label is null then 'positive_unreported'
            when ai_result = 'doubtful' and coalesce(report_label, 'absent') = 'absent' then 'doubtful'
            when ai_result = 'negative' and report_label = 'present' then 'negative_report_present'
            when ai_result in ('positive', 'doubtful') and report_label in ('uncertain', 'not_addressed') then 'report_undecided'
            when ai_result in ('positive', 'doubtful') then 'settled'
        end as action
    from study
    where site = $site and day = $day
)
select
    judged.study_uid,
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
    coalesce(pictures.images, []) as images
from judged
left join pictures using (study_uid)
left join report_label on report_label.site = judged.site and report_label.message_id = judged.report_message_id
where judged.action is not null
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
