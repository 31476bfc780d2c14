-- What a source listed last of the studies that were taken from it.
select site, source, study_uid, day, content_id, missing_since, withdrawn, key_id
from listed_study
where site = $site and source = $source;
