-- Positive rate and quantiles of the turnaround of every site's month.
select
    site,
    count(*) filter (ai_result = 'positive')::double / count(*) filter (ai_result in ('positive', 'doubtful', 'negative')) as rate,
    quantile_cont(epoch(report_final - exam_completed) / 3600, 0.5) as median,
    quantile_cont(epoch(report_final - exam_completed) / 3600, 0.9) as p90
from study
where day >= $start and day < $end
group by site
order by site;
