-- What an issue of a month counted stays counted: the row keeps its results and loses whose they were.
update issued_study
set study_uid = replace(uuid()::varchar, '-', '')
where site = $site
    and study_uid in (select pseudonym from tombstone where site = $site and kind = 'study_uid')
returning 1;
