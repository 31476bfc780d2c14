-- Accounts, sessions, failed sign-ins and the audit trail of the web application.
-- Times are UTC, as ISO 8601 text; site '*' means every site of this installation.

create table user_account (
    user_id text primary key,             -- random, never the login
    login text not null unique collate nocase,
    name text not null,
    language text not null check (language in ('fr', 'en')),
    theme text not null default 'auto' check (theme in ('auto', 'light', 'dark')),
    password_hash text,                   -- argon2id; null: signs in through the identity provider alone
    password_at text,
    one_time_until text,                  -- set while the password is a one-time one, to be replaced
    totp_secret text,                     -- base32; null: no second factor enrolled
    totp_step integer,                    -- last accepted time step: a code counts once
    oidc_subject text unique,             -- subject at the identity provider, bound at first sign-in
    disabled_at text,
    created_at text not null
) strict;

create table user_role (
    user_id text not null references user_account (user_id) on delete cascade,
    role text not null check (
        role in ('clinician', 'department_head', 'partnership_manager', 'administrator', 'auditor')
    ),
    site text not null,
    primary key (user_id, role, site)
) strict, without rowid;

create table web_session (
    session_id text primary key,          -- shown on the sessions page; opens nothing
    token_hash text not null unique,      -- SHA-256 of the cookie
    user_id text not null references user_account (user_id) on delete cascade,
    stage text not null check (stage in ('second_factor', 'enrolment', 'new_password', 'full')),
    method text not null check (method in ('password', 'oidc')),
    started_at text not null,
    seen_at text not null,
    ends_at text not null,                -- absolute limit
    address text not null,
    device text not null
) strict;
create index web_session_user on web_session (user_id);

create table sign_in_failure (
    scope text not null check (scope in ('account', 'address')),
    subject_hash text not null,
    failed_at text not null
) strict;
create index sign_in_failure_subject on sign_in_failure (scope, subject_hash, failed_at);

-- Who saw, exported, judged or changed what and when. Each row's hash covers the row before.
create table audit_event (
    seq integer primary key,
    at text not null,
    event text not null,                  -- our word, e.g. case_viewed
    code text not null,                   -- DICOM PS3.15 A.5 EventID, e.g. 110103
    type_code text not null,              -- EventTypeCode, or empty
    action text not null check (action in ('C', 'R', 'U', 'D', 'E')),
    outcome integer not null check (outcome in (0, 4, 8, 12)),
    user_id text not null,                -- empty where nobody had signed in
    site text not null,
    object text not null,                 -- pseudonym or name of what it was done to
    detail text not null,                 -- JSON
    address text not null,
    previous text not null,
    hash text not null unique
) strict;
create index audit_event_at on audit_event (at);
create trigger audit_event_is_never_changed before update on audit_event
begin
    select raise(abort, 'the audit trail is append-only');
end;
create trigger audit_event_is_never_deleted before delete on audit_event
begin
    select raise(abort, 'the audit trail is append-only');
end;
