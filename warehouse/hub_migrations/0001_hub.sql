-- The hub: sites that it knows, every bundle that it took, one row of key figures for each site and month.
-- Counts are null where the site withheld them. No table of the hub has a place for a patient.

create table partner_site (
    site varchar primary key,
    name varchar not null,
    country varchar not null,
    language varchar not null,
    sector varchar not null check (sector in ('public', 'private')),
    site_group varchar,
    manager varchar,
    contract_studies_per_month integer,
    since date,
    stage varchar not null check (stage in ('set_up', 'shadow', 'live')),
    benchmark boolean not null default false,
    key varchar not null,
    registered_at timestamptz not null
);
comment on table partner_site is 'Sites whose bundles the hub takes.';
comment on column partner_site.key is 'Public key (Ed25519, hex) that must have signed its bundles.';
comment on column partner_site.stage is 'Onboarding: set_up, shadow (figures, nothing flagged yet) or live.';
comment on column partner_site.benchmark is 'Whether the site agrees to be one of the anonymous peers of others.';

create table bundle (
    site varchar not null,
    seq integer not null,
    month varchar not null,
    payload_sha256 varchar not null,
    made_on date not null,
    imported_at timestamptz not null,
    payload varchar not null,
    primary key (site, seq)
);
comment on table bundle is 'Every bundle taken, as it was signed.';

create table refusal (
    refused_at timestamptz not null,
    file_sha256 varchar not null,
    site varchar,
    seq integer,
    reason varchar not null
);
comment on table refusal is 'Bundles that were not taken, and why; `site` and `seq` only where the site is known.';

create table site_month (
    site varchar not null,
    month varchar not null,
    seq integer not null,
    imported_at timestamptz not null,
    restated boolean not null,
    studies integer,
    images integer,
    flagged integer,
    not_flagged integer,
    positive integer,
    doubtful integer,
    negative integer,
    flagged_fracture integer,
    flagged_no_fracture integer,
    flagged_not_compared integer,
    not_flagged_fracture integer,
    not_flagged_no_fracture integer,
    not_flagged_not_compared integer,
    within_24 integer,
    not_within_24 integer,
    within_hours integer[] not null,
    later_hours integer[] not null,
    later integer,
    unreported integer,
    regions integer[] not null,
    files integer,
    files_accepted integer,
    files_flagged integer,
    files_out_of_scope integer,
    sign_ins integer,
    cases_opened integer,
    judged integer,
    nights_complete integer not null,
    nights_late integer not null,
    nights_failed integer not null,
    nights_missed integer not null,
    missed_at_end integer not null,
    failed_steps integer not null,
    restored integer not null,
    turnaround_target_hours double not null,
    model varchar,
    model_version varchar,
    program varchar not null,
    primary key (site, month)
);
comment on table site_month is 'Key figures of each site and month, from its latest bundle.';
comment on column site_month.within_hours is 'Reported up to 1, 4, 12, 24 hours: counts of each bin, null where withheld.';
comment on column site_month.later_hours is 'Reported up to 48, 168 hours, later: counts of each bin, null where withheld.';
comment on column site_month.regions is 'Studies of each region, in the order of warehouse.aggregates.REGIONS.';
