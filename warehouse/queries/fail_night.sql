insert into night_failure (site, day, step, error)
values ($site, $day, $step, $error)
on conflict (site, day, step) do update set error = excluded.error
