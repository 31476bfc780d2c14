-- Browsers that an account has signed in from before, and sign-ins under way at the identity provider.

create table known_device (
    token_hash text primary key,          -- SHA-256 of a cookie of that browser
    user_id text not null references user_account (user_id) on delete cascade,
    seen_at text not null
) strict;
create index known_device_user on known_device (user_id);

create table oidc_flow (
    state_hash text primary key,          -- SHA-256 of the state sent to the provider
    visitor_hash text not null,           -- SHA-256 of the browser's cookie that began it
    nonce text not null,
    verifier text not null,               -- PKCE
    onward text not null,                 -- page to go on to
    ends_at text not null
) strict;
