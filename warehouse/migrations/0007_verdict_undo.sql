-- Verdicts from the web application: whether the patient is to be recalled, and what its author took back.
alter table verdict add column recall boolean default false;
alter table verdict add column undone_at timestamptz;
comment on column verdict.recall is 'Whether the clinician wants the patient recalled.';
comment on column verdict.undone_at is 'When its author took it back, UTC; null while it stands. One that was taken back counts nowhere.';
