-- Each figure of a month as it was last told: by its own last issue ($issue), or since then by an addendum.
with told as (
    select figure, numerator, denominator, issued_at, 0 as place
    from issued_figure
    inner join issued using (site, month, issue)
    where site = $site and month = $month and issue = $issue
    union all
    select figure, new_numerator, new_denominator, issued_at, 1
    from addendum
    inner join issued using (site, month, issue)
    where site = $site and changed_month = $month
        and issued_at >= (select issued_at from issued where site = $site and month = $month and issue = $issue)
)

select figure, numerator, denominator
from told
qualify row_number() over (partition by figure order by issued_at desc, place desc) = 1
order by figure;
