-- When the web application first showed the AI result of a study: a report signed later is not independent of it.
create table case_view (
    site varchar not null,
    study_uid varchar not null,
    seen_at timestamptz not null,
    key_id varchar not null,
    primary key (site, study_uid)
);
comment on table case_view is 'Studies whose case was opened in the web application with an AI result on it; nothing of who opened it.';
comment on column case_view.site is 'The site.';
comment on column case_view.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column case_view.seen_at is 'When it was first opened so, UTC.';
comment on column case_view.key_id is 'Which pseudonym key made the identifiers of this row.';
