select day from changes
union
select old_day from changes where old_day is not null
order by day;
