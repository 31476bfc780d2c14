-- SQLite. What was told before this time; the studies keep the age band and the sex that came of it.
delete from demographics
where site = $site and sent_at < $before;
