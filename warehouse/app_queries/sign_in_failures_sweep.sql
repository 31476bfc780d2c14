delete from sign_in_failure
where failed_at <= $since;
