select study_uid
from withdrawn_study
where site = $site;
