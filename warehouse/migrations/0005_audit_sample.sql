-- The audit of the labeller: which reports were drawn, and what a person read in them, copied from app.sqlite.

create table audit_sample (
    site varchar not null,
    month varchar not null,
    study_uid varchar not null,
    message_id varchar not null,
    cell_ai varchar not null check (cell_ai in ('flagged', 'negative')),
    cell_label varchar not null check (cell_label in ('present', 'absent')),
    place integer not null,
    population integer not null,
    drawn_at timestamptz not null,
    key_id varchar not null,
    primary key (site, study_uid)
);
comment on table audit_sample is 'Reports drawn at random within the four cells of AI x label, for a person to read without knowing either.';
comment on column audit_sample.site is 'The site.';
comment on column audit_sample.month is 'Month of the study, YYYY-MM.';
comment on column audit_sample.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column audit_sample.message_id is 'The report that stood when the sample was drawn.';
comment on column audit_sample.cell_ai is 'AI result when it was drawn: flagged (positive or doubtful) or negative.';
comment on column audit_sample.cell_label is 'Label when it was drawn: present or absent.';
comment on column audit_sample.place is 'Place in the order of the draw within its cell, from 1.';
comment on column audit_sample.population is 'Studies of the cell when it was drawn: what the sample of the cell stands for.';
comment on column audit_sample.drawn_at is 'When it was drawn, UTC.';
comment on column audit_sample.key_id is 'Which pseudonym key made the identifiers of this row.';

create table report_reading (
    site varchar not null,
    study_uid varchar not null,
    message_id varchar not null,
    author varchar not null,
    label varchar not null check (label in ('present', 'absent', 'uncertain', 'not_addressed')),
    acuity varchar not null check (acuity in ('acute', 'old', 'followup', 'none')),
    read_at timestamptz not null,
    key_id varchar not null,
    primary key (site, study_uid, author, read_at)
);
comment on table report_reading is 'What a person, blind to the AI, read in a drawn report; of several readings the last counts, history is kept.';
comment on column report_reading.site is 'The site.';
comment on column report_reading.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column report_reading.message_id is 'The report that was read.';
comment on column report_reading.author is 'Pseudonym of the reader.';
comment on column report_reading.label is 'Acute fracture in the report, to the reader: present, absent, uncertain or not_addressed.';
comment on column report_reading.acuity is 'acute, old, followup or none, to the reader.';
comment on column report_reading.read_at is 'When, UTC.';
comment on column report_reading.key_id is 'Which pseudonym key made the identifiers of this row.';
