-- SQLite. What was told of these patients (pseudonyms).
delete from demographics
where site = $site and patient_pseudonym in (select value from json_each($patients));
