-- One row per in-scope study of $site, with all that the figures need; a function of the other tables only, whatever
-- the order in which their rows arrived. Ties are broken by value, never by position.
with version as (
    -- The site's facts by day; the first version also stands for the days before it.
    select
        time_zone,
        threshold_doubtful,
        threshold_positive,
        case when row_number() over (order by valid_from) = 1 then date '0001-01-01' else valid_from end as valid_from,
        lead(valid_from, 1, date '9999-12-31') over (order by valid_from) as valid_until
    from site
    where site = $site
),

image as materialized (
    select *
    from instance
    where site = $site
        and in_scope
        -- Patients who object are in no figure and on no list.
        and study_uid not in (select opposed_study.study_uid from opposed_study where opposed_study.site = $site)
        and study_uid not in (select taken_back.study_uid from taken_back where taken_back.site = $site)
),

exam as (
    -- Only in-scope images tell the times: what is derived and stored hours later does not end the examination.
    select
        study_uid,
        mode(patient_id order by patient_id) as patient_id,
        mode(modality order by modality) as modality,
        mode(region order by region) as region,
        case
            when bool_or(laterality = 'B') or (bool_or(laterality = 'L') and bool_or(laterality = 'R')) then 'B'
            else max(laterality)
        end as laterality,
        mode(device order by device) as device,
        mode(sex order by sex) as sex,
        mode(age_band order by age_band) as age_band,
        count(*) as images,
        -- One image whose time the clocks showed twice or never may be the first or the last: then neither is known.
        bool_or(list_contains(flags, 'AMBIGUOUS_TIME')) as ambiguous,
        case when not ambiguous then coalesce(min(acquired_at), min(study_at)) end as exam_started,
        case when not ambiguous then max(acquired_at) end as exam_completed,
        max(day) as image_day,
        max(received_at) as received,
        coalesce(exam_completed, exam_started, received) as happened
    from image
    group by study_uid
),

dated as materialized (
    select
        exam.*,
        case
            when coalesce(exam.exam_completed, exam.exam_started) is null and exam.image_day is not null
                then exam.image_day
            else timezone(version.time_zone, exam.happened)::date
        end as day
    from exam
    inner join version
        on timezone('UTC', exam.happened)::date >= version.valid_from
        and timezone('UTC', exam.happened)::date < version.valid_until
),

used as materialized (
    -- Of each image the flagging model's finding (a shadow's never); where several models flagged, the newest one's, an
    -- older one only where the newer failed.
    select
        finding.study_uid,
        finding.status,
        finding.score,
        finding.ai_completed,
        finding.model_sha256,
        model.first_used,
        model.threshold_doubtful,
        model.threshold_positive
    from finding
    inner join image on finding.instance_uid = image.instance_uid
    left join model on finding.model_sha256 = model.model_sha256
    where finding.site = $site and finding.code = 'fracture' and finding.role = 'flag'
    qualify row_number() over (
        partition by finding.instance_uid
        order by finding.status = 'ok' desc, model.first_used desc nulls last, finding.model_sha256 desc
    ) = 1
),

thresholds as materialized (
    select dated.study_uid, version.threshold_doubtful, version.threshold_positive
    from dated
    inner join version on dated.day >= version.valid_from and dated.day < version.valid_until
),

ai as (
    select
        used.study_uid,
        count(*) filter (used.status = 'ok') as images_inferred,
        max(used.score) as score,
        max(used.ai_completed) as ai_completed,
        coalesce(
            last(used.model_sha256 order by used.first_used, used.model_sha256) filter (used.status = 'ok'),
            last(used.model_sha256 order by used.first_used, used.model_sha256)
        ) as model_sha256,
        -- Null for a model without thresholds: the table refuses the study, rather than call it negative.
        max(case
            when used.score >= coalesce(thresholds.threshold_positive, used.threshold_positive) then 2
            when used.score >= coalesce(thresholds.threshold_doubtful, used.threshold_doubtful) then 1
            when used.score < coalesce(thresholds.threshold_doubtful, used.threshold_doubtful) then 0
        end) as severity
    from used
    inner join thresholds on used.study_uid = thresholds.study_uid
    group by used.study_uid
),

event as materialized (
    select
        report_match.study_uid,
        report_event.message_id,
        report_event.status,
        report_event.event_at,
        report_event.ordered_at,
        report_event.patient_class,
        report_event.ai_seen,
        report_label.label,
        report_label.acuity,
        report_label.tier,
        row_number() over (
            partition by report_match.study_uid
            order by
                report_event.event_at nulls first,
                list_position(['preliminary', 'final', 'corrected', 'withdrawn'], report_event.status),
                report_event.message_id
        ) as place
    from report_match
    inner join report_event on report_match.site = report_event.site and report_match.message_id = report_event.message_id
    left join standing_label as report_label on report_event.site = report_label.site and report_event.message_id = report_label.message_id
    where report_match.site = $site and report_match.agrees
),

told as (
    -- A withdrawal undoes what was before it.
    select *, place > coalesce(max(place) filter (status = 'withdrawn') over (partition by study_uid), 0) as live
    from event
),

report as (
    select
        study_uid,
        min(event_at) filter (status = 'preliminary') as report_preliminary,
        case
            when bool_or(status = 'final') then min(event_at) filter (status = 'final')
            else min(event_at) filter (status = 'corrected')
        end as report_final,
        max(event_at) filter (status = 'corrected') as report_corrected,
        min(ordered_at) as ordered,
        arg_max(patient_class, place) filter (patient_class is not null) as patient_class,
        -- The last final or corrected report that stands.
        arg_max(
            struct_pack(status := status, label := label, acuity := acuity, tier := tier, message_id := message_id, ai_seen := ai_seen, event_at := event_at), place
        ) filter (live and status in ('final', 'corrected')) as standing,
        bool_or(live) as live
    from told
    group by study_uid
),

requested as (
    select report_match.study_uid, min(order_event.ordered_at) as ordered
    from report_match
    inner join order_event using (site, message_id)
    where report_match.site = $site and report_match.agrees
    group by report_match.study_uid
),

answer as (
    select
        study_uid,
        arg_max(struct_pack(verdict := verdict, decided_at := decided_at), struct_pack(t := decided_at, a := author)) as last
    from verdict
    where site = $site and undone_at is null
    group by study_uid
)

select
    $site as site,
    dated.day,
    dated.study_uid,
    -- Merged identifiers are one patient.
    coalesce(person.person_id, dated.patient_id) as patient_id,
    dated.modality,
    dated.region,
    dated.laterality,
    dated.device,
    -- A correction by the hospital goes before what the images say.
    coalesce(demographic.sex, dated.sex) as sex,
    coalesce(demographic.age_band, dated.age_band) as age_band,
    report.patient_class,
    dated.images::integer as images,
    coalesce(ai.images_inferred, 0)::integer as images_inferred,
    -- The order itself goes before what the report says of it.
    coalesce(requested.ordered, report.ordered) as ordered,
    dated.exam_started,
    dated.exam_completed,
    dated.received,
    ai.ai_completed,
    report.report_preliminary,
    report.report_final,
    report.report_corrected,
    ai.score,
    case
        when ai.study_uid is null then 'not_processed'
        when ai.images_inferred = 0 then 'failed'
        when ai.severity = 2 then 'positive'
        when ai.severity = 1 then 'doubtful'
        when ai.severity = 0 then 'negative'
    end as ai_result,
    ai.model_sha256,
    case
        when report.study_uid is null then 'unreported'
        when report.standing is not null then report.standing.status
        when report.live then 'preliminary'
        else 'withdrawn'
    end as report_state,
    report.standing.label as report_label,
    report.standing.acuity as report_acuity,
    report.standing.tier as report_tier,
    case when report.standing.label is not null then report.standing.message_id end as report_message_id,
    answer.last.verdict as verdict,
    answer.last.decided_at as verdict_at,
    coalesce(
        report.report_final < dated.exam_completed
        or report.report_final > dated.exam_completed + interval 365 day
        or dated.exam_completed > dated.exam_started + interval 365 day,
        false
    ) as clock_skew,
    'measured' as origin,
    -- Seen before signing, by what the report says or by what the web application showed; unknown where neither tells.
    case
        when report.standing.ai_seen or case_view.seen_at < report.standing.event_at then false
        else not report.standing.ai_seen
    end as report_independent
from dated
left join ai on dated.study_uid = ai.study_uid
left join report on dated.study_uid = report.study_uid
left join requested on dated.study_uid = requested.study_uid
left join answer on dated.study_uid = answer.study_uid
left join case_view on case_view.site = $site and case_view.study_uid = dated.study_uid
left join person on person.site = $site and person.patient_id = dated.patient_id
left join demographic on demographic.site = $site and demographic.study_uid = dated.study_uid
