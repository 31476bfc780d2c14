select study_uid, sex, age_band
from demographic
where site = $site;
