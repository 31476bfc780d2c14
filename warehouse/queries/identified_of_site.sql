-- SQLite.
select study_pseudonym, study_uid, accession_number, patient_id
from identified
where site = $site;
