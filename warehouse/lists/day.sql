-- Counts of the studies of $site of the local days from $start until before $end, for the head of the list.
select
    count(*) as studies,
    count(*) filter (ai_result = 'positive') as positive,
    count(*) filter (ai_result = 'doubtful') as doubtful,
    count(*) filter (ai_result = 'negative') as negative,
    count(*) filter (ai_result = 'failed') as failed,
    count(*) filter (ai_result = 'not_processed') as not_processed,
    count(*) filter (report_state not in ('final', 'corrected')) as pending,
    count(*) filter (origin = 'simulated') as simulated
from study
where site = $site and day >= $start and day < $end
