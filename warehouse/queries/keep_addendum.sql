insert into addendum (
    site, month, issue, changed_month, figure, old_numerator, old_denominator, new_numerator, new_denominator
)
values (
    $site, $month, $issue, $changed_month, $figure, $old_numerator, $old_denominator, $new_numerator, $new_denominator
);
