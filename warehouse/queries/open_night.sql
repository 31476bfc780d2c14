-- A night that runs again keeps its failures until it ends.
insert into night (site, day, started_at, completed_at, status, error)
values ($site, $day, $now, null, 'running', null)
on conflict (site, day) do update set started_at = excluded.started_at, status = 'running';
