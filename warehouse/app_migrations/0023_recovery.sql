-- Codes that stand in for a lost second factor, each once. They are shown when they are made and kept as argon2id hashes.
create table recovery_code (
    user_id text not null references user_account (user_id) on delete cascade,
    place integer not null,               -- the number before the code: one hash is tried, not all
    code_hash text not null,
    made_at text not null,
    used_at text,
    primary key (user_id, place)
) strict, without rowid;
