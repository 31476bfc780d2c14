delete from study
where site = $site and origin = 'measured' and study_uid in (select study_uid from changes where gone);
