-- SQLite. A later image may bring what an earlier one lacked; it never removes.
insert into identified (site, study_pseudonym, study_uid, accession_number, patient_id, remembered_at)
values ($site, $study_pseudonym, $study_uid, $accession_number, $patient_id, $remembered_at)
on conflict (site, study_pseudonym) do update set
    accession_number = coalesce(identified.accession_number, excluded.accession_number),
    patient_id = coalesce(identified.patient_id, excluded.patient_id),
    remembered_at = max(identified.remembered_at, excluded.remembered_at);
