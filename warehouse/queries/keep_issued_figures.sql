insert into issued_figure (site, month, issue, figure, numerator, denominator)
select $site, $month, $issue, unnest($figures::varchar[]), unnest($numerators::double[]), unnest($denominators::double[]);
