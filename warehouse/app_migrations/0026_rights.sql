-- Which pseudonym key made the pseudonyms of a site in this database; no row before the key was first changed.

create table pseudonym_key (
    site text primary key,
    key_id text not null
) strict;
