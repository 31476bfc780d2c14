insert into addendum_reason (site, month, issue, changed_month, reason, studies)
values ($site, $month, $issue, $changed_month, $reason, $studies);
