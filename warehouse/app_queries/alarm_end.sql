-- What is open and not among $there ("cause/subject", JSON) is gone.
update alarm
set ended_at = $now
where site = $site
    and ended_at is null
    and cause || '/' || subject not in (select value from json_each($there));
