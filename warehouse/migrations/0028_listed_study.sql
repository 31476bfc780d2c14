-- What a PACS listed of the studies that were taken from it: told apart when it tells otherwise, or no more.

create table listed_study (
    site varchar not null,
    source varchar not null,
    study_uid varchar not null,
    day date not null,
    content_id varchar not null,
    missing_since date,
    withdrawn boolean not null,
    key_id varchar not null,
    primary key (site, source, study_uid)
);
comment on table listed_study is 'What a PACS listed last of each study that was taken from it: tells a corrected study from the same, and a deleted one.';
comment on column listed_study.site is 'The site.';
comment on column listed_study.source is 'Name of the source in the site''s file.';
comment on column listed_study.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column listed_study.day is 'The day under which it is listed.';
comment on column listed_study.content_id is 'Pseudonym of what is listed of patient and examination; another one: the PACS changed it.';
comment on column listed_study.missing_since is 'The first of the nights in which the PACS listed it no more and, asked by name, did not have it; null while it has it.';
comment on column listed_study.withdrawn is 'Taken back because it was missing in two nights; it counts again when the PACS lists it again.';
comment on column listed_study.key_id is 'Key of the pseudonyms.';
