-- Under the view's own name: until it is dropped, the other views take their rows from it as well.
create temporary table report_match as
select *
from main.report_match
where site = $site;
