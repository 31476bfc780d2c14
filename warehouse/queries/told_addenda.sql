-- The addenda that an issue told, with the issue of each changed month that was the last one then.
select
    addendum.changed_month,
    addendum.figure,
    addendum.old_numerator,
    addendum.old_denominator,
    addendum.new_numerator,
    addendum.new_denominator,
    changed.issue,
    changed.issued_at
from addendum
inner join issued on addendum.site = issued.site and addendum.month = issued.month and addendum.issue = issued.issue
inner join issued as changed on addendum.site = changed.site and addendum.changed_month = changed.month
where addendum.site = $site and addendum.month = $month and addendum.issue = $issue
    and changed.issued_at <= issued.issued_at
qualify row_number() over (partition by addendum.changed_month, addendum.figure order by changed.issue desc) = 1
order by addendum.changed_month, addendum.figure;
