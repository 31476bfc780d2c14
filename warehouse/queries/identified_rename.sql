-- SQLite. `renamed` is the caller's function: the pseudonym of a real number under the key in force.
update identified
set study_pseudonym = renamed(study_uid)
where site = $site;
