insert or ignore into tombstone (site, kind, pseudonym, erasure_id, key_id)
select $site, $kind, unnest($pseudonyms), $erasure_id, $key_id;
