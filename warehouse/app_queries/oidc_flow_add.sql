insert into oidc_flow (state_hash, visitor_hash, nonce, verifier, onward, ends_at)
values ($state_hash, $visitor_hash, $nonce, $verifier, $onward, $ends_at);
