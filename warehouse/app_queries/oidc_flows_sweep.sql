delete from oidc_flow
where ends_at <= $now;
