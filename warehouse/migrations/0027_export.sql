-- What left this machine as aggregates, and who approved it.

create table export_approval (
    site varchar not null,
    approved_at timestamptz not null,
    approved_by varchar not null,
    scope_sha256 varchar not null,
    content_sha256 varchar not null,
    primary key (site, approved_at)
);
comment on table export_approval is 'Approvals of what may leave a site as aggregates; the last one counts.';
comment on column export_approval.site is 'The site.';
comment on column export_approval.approved_at is 'When it was approved, UTC.';
comment on column export_approval.approved_by is 'Who approved it, as given on the command line: a function or a name, no patient.';
comment on column export_approval.scope_sha256 is 'Hash of the schema (every field that can leave), the threshold of small cells and the recipient.';
comment on column export_approval.content_sha256 is 'Hash of the content of the page that was approved: the first bundle must be it.';

create table export_bundle (
    site varchar not null,
    seq integer not null,
    month varchar not null,
    made_at timestamptz not null,
    scope_sha256 varchar not null,
    content_sha256 varchar not null,
    payload varchar not null,
    payload_sha256 varchar not null,
    primary key (site, seq)
);
comment on table export_bundle is 'Every bundle of aggregates that a site made: what was sent, byte for byte.';
comment on column export_bundle.site is 'The site.';
comment on column export_bundle.seq is 'Number of the bundle, from 1 without gaps.';
comment on column export_bundle.month is 'Month told, YYYY-MM; a month told again has a later number.';
comment on column export_bundle.made_at is 'When it was made, UTC.';
comment on column export_bundle.scope_sha256 is 'Scope of the approval under which it was made.';
comment on column export_bundle.content_sha256 is 'Hash of what it tells, without number and date.';
comment on column export_bundle.payload is 'The signed text (JSON, schema aggregates-1.json).';
comment on column export_bundle.payload_sha256 is 'SHA-256 of the payload; the next bundle names it.';
