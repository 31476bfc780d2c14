-- Studies of the day, and those whose end of examination is unknown or whose clocks disagree.
select count(*) as studies,
    count(*) filter (where exam_completed is null or clock_skew) as unusable
from study
where site = $site and day = $day;
