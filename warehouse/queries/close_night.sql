-- A night with an error stays failed; the run that mends it has cleared the error before.
update night
set status = case when error is null then $status else 'failed' end,
    completed_at = case when error is null then $now::timestamptz end
where site = $site and day = $day;
