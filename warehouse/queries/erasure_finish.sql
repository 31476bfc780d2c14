update erasure
set finished_at = $finished_at
where site = $site and finished_at is null;
