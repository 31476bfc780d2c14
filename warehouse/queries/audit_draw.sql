-- The reports of $month (local days from $start until before $end) drawn for the audit: in each cell of AI x label
-- the first $per_cell in the order of a hash of site, month and study, so that anyone draws the same.
with compared as (
    select
        study.study_uid,
        study.report_message_id as message_id,
        case when study.ai_result = 'negative' then 'negative' else 'flagged' end as cell_ai,
        study.report_label as cell_label,
        sha256($site || '/' || $month || '/' || study.study_uid) as turn
    from study
    join report_event on report_event.site = study.site and report_event.message_id = study.report_message_id
    where study.site = $site and study.day >= $start and study.day < $end
        and study.ai_result in ('positive', 'doubtful', 'negative')
        and study.report_state in ('final', 'corrected')
        and study.report_label in ('present', 'absent')
        and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
        and coalesce(study.report_tier, 'decided') <> 'review'
),
placed as (
    select
        *,
        row_number() over (partition by cell_ai, cell_label order by turn) as place,
        count(*) over (partition by cell_ai, cell_label) as population
    from compared
)
select study_uid, message_id, cell_ai, cell_label, place, population, turn
from placed
where place <= $per_cell
order by cell_ai, cell_label, place
