-- What thresholds of $site are judged on: the studies of the local days from $start until before $end that have a score
-- by the model of the last result (scores of another model are another scale), and what is left out, by reason. A report
-- signed after $cut is not there yet. One row; the model is null where no study has a score.
with period as (
    select *
    from study
    where site = $site and day >= $start and day < $end
),
used as (
    select last(model_sha256 order by day, ai_completed nulls first, model_sha256) filter (score is not null) as model_sha256
    from period
),
judged as (
    select
        period.*,
        case
            when ai_result in ('not_processed', 'failed') then ai_result
            when score is null then 'no_score'
            when period.model_sha256 is distinct from used.model_sha256 then 'other_model'
        end as left_out,
        case
            when report_state = 'withdrawn' then 'withdrawn'
            when report_state not in ('final', 'corrected') or report_final > $cut then 'unreported'
            when report_label is null then 'not_read'
            when report_tier = 'review' then 'queued'
            when report_acuity in ('followup', 'old') then report_acuity
            when report_label in ('uncertain', 'not_addressed') then report_label
        end as not_comparable
    from period
    cross join used
)
select
    model.model_sha256,
    model.model_name,
    model.model_version,
    model.threshold_doubtful,
    model.threshold_positive,
    (select count(*) from judged) as studies,
    (select count(*) from judged where left_out is null) as scored,
    (select count(*) from judged where left_out is null and not_comparable is null) as comparable,
    (select count(*) from judged where left_out is null and origin = 'simulated') as simulated,
    (select histogram(left_out) from judged where left_out is not null) as left_out,
    (select histogram(not_comparable) from judged where left_out is null and not_comparable is not null) as not_comparable
from used
left join model on model.model_sha256 = used.model_sha256
