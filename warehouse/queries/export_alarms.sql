select
    (select count(*) from night_failure where site = $site and day >= $start and day < $end) as failed_steps,
    (select count(*) from incident where happened_at >= $start and happened_at < $end and kind = 'restored') as restored
