delete from withdrawn_study
where site = $site and study_uid in (select unnest($studies::varchar[]))
returning study_uid;
