select changed_month, reason, studies
from addendum_reason
where site = $site and month = $month and issue = $issue
order by changed_month, reason;
