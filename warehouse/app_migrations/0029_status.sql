-- The daily sign of life: what a site said of its nights, and what a hub heard of each site. No counts of patients.
create table status_sent (
    site text not null,
    seq integer not null,                 -- from 1; the last one is kept
    made_on text not null,                -- local day
    payload text not null,                -- the signed text
    primary key (site)
) strict;
create table site_status (
    site text primary key,
    seq integer not null,
    made_on text not null,                -- day by the site's clock
    received_at text not null,            -- UTC, by ours
    payload text not null                 -- the last one of the site, as it was signed
) strict;
