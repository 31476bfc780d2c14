-- The last issue of each month before $month that kept its figures.
select issued.month, issued.issue, issued.issued_at, issued.data_cut
from issued
where site = $site
    and month < $month
    -- A month whose studies were removed after their time cannot be compared any more.
    and month >= coalesce(
        (
            select strftime(max(retirement.before), '%Y-%m')
            from retirement
            where retirement.site = $site and retirement.store = 'studies'
        ),
        ''
    )
    and exists (
        select 1
        from issued_figure
        where issued_figure.site = issued.site and issued_figure.month = issued.month and issued_figure.issue = issued.issue
    )
qualify row_number() over (partition by month order by issue desc) = 1
order by month;
