-- SQLite. Whom a pseudonym stands for: for links on the clinicians' list, kept on the site's own disk.
create table if not exists identified (
    site text not null,
    study_pseudonym text not null,
    study_uid text not null,
    accession_number text,
    patient_id text,
    remembered_at text not null,
    primary key (site, study_pseudonym)
) without rowid;
