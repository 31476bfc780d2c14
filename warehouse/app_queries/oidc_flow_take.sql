delete from oidc_flow
where state_hash = $state_hash
returning visitor_hash, nonce, verifier, onward, ends_at;
