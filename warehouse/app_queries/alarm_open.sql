insert into alarm (site, cause, subject, opened_at, seen_at, ended_at, figures)
values ($site, $cause, $subject, $now, $now, null, $figures)
on conflict (site, cause, subject) where ended_at is null do update set seen_at = excluded.seen_at, figures = excluded.figures;
