-- What each of $thresholds, as the score from which a study is flagged, would have meant at $site on the local days from
-- $start until before $end: one row for each. Counted are the studies with a score by the model $model; `days` are the
-- days that have one, `flagged_mean` and `flagged_spread` (standard deviation) those of the studies flagged on a day. Of
-- the studies whose report says fracture (`present`) or none (`absent`; see `threshold_period.sql` for the others), how
-- many would have been flagged. A report signed after $cut is not there yet.
with scored as (
    select
        day,
        score,
        case
            when report_state in ('final', 'corrected')
                and coalesce(report_final <= $cut, true)
                and coalesce(report_acuity, 'none') not in ('followup', 'old')
                and report_label in ('present', 'absent')
                and coalesce(report_tier, 'decided') <> 'review'
                then report_label
        end as label
    from study
    where site = $site
        and day >= $start
        and day < $end
        and score is not null
        and ai_result not in ('not_processed', 'failed')
        and model_sha256 = $model
),
choice as (
    select distinct unnest($thresholds::double[]) as threshold
),
daily as (
    select
        choice.threshold,
        scored.day,
        count(*) as studies,
        count(*) filter (scored.score >= choice.threshold) as flagged,
        count(*) filter (scored.label = 'present') as present,
        count(*) filter (scored.label = 'present' and scored.score >= choice.threshold) as present_flagged,
        count(*) filter (scored.label = 'absent') as absent,
        count(*) filter (scored.label = 'absent' and scored.score >= choice.threshold) as absent_flagged
    from choice
    cross join scored
    group by choice.threshold, scored.day
)
select
    threshold,
    count(*) as days,
    sum(studies)::bigint as studies,
    sum(flagged)::bigint as flagged,
    avg(flagged) as flagged_mean,
    stddev_samp(flagged) as flagged_spread,
    sum(present)::bigint as present,
    sum(present_flagged)::bigint as present_flagged,
    sum(absent)::bigint as absent,
    sum(absent_flagged)::bigint as absent_flagged
from daily
group by threshold
order by threshold
