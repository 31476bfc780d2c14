-- Rights of patients, keys and retention: who is erased and refused from then on, which key is in force, what was
-- removed because its time was over.

create table erasure (
    site varchar not null,
    erasure_id varchar not null,
    asked_at timestamptz not null,
    finished_at timestamptz,
    studies integer not null,
    images integer not null,
    messages integer not null,
    primary key (site, erasure_id)
);
comment on table erasure is 'One row for each erasure of a patient (bilan erase): when, and how much; nothing of whom.';
comment on column erasure.site is 'The site.';
comment on column erasure.erasure_id is 'Random; names the erasure in the audit trail.';
comment on column erasure.asked_at is 'When the command was given, UTC.';
comment on column erasure.finished_at is 'When the last store was done, UTC; null while it is under way: the next night ends it.';
comment on column erasure.studies is 'Studies that were known.';
comment on column erasure.images is 'Images that were known.';
comment on column erasure.messages is 'Reports, orders and merges that were known.';

create table tombstone (
    site varchar not null,
    kind varchar not null check (kind in ('patient_id', 'study_uid', 'instance_uid', 'accession_number', 'message_id', 'content_id')),
    pseudonym varchar not null,
    erasure_id varchar not null,
    key_id varchar not null,
    primary key (site, kind, pseudonym)
);
comment on table tombstone is 'What was erased, by pseudonym: it is refused when it is delivered again, and goes from wherever it still turns up.';
comment on column tombstone.site is 'The site.';
comment on column tombstone.kind is 'What the pseudonym stands for: patient_id, study_uid, instance_uid, accession_number, message_id or content_id.';
comment on column tombstone.pseudonym is 'Pseudonym of the patient, or of what was the patient''s.';
comment on column tombstone.erasure_id is 'The erasure.';
comment on column tombstone.key_id is 'Which pseudonym key made the identifiers of this row.';

create table pseudonym_key (
    site varchar not null,
    key_id varchar not null,
    since timestamptz not null,
    primary key (site, key_id)
);
comment on table pseudonym_key is 'The pseudonym keys of a site that was given a new one (bilan rotate-key); the last is in force.';
comment on column pseudonym_key.site is 'The site.';
comment on column pseudonym_key.key_id is 'Identifies the key; tells nothing of it.';
comment on column pseudonym_key.since is 'When it came into force, UTC.';

create table retirement (
    site varchar not null,
    store varchar not null,
    retired_at timestamptz not null,
    before date not null,
    removed bigint not null,
    primary key (site, store, retired_at)
);
comment on table retirement is 'What was removed because its time was over (bilan retention): the proof, in numbers.';
comment on column retirement.site is 'The site.';
comment on column retirement.store is 'Which store: a key of retention in the site''s file.';
comment on column retirement.retired_at is 'When, UTC.';
comment on column retirement.before is 'What was older than this local day went.';
comment on column retirement.removed is 'Files, or studies, removed.';
