insert into sign_in_failure (scope, subject_hash, failed_at)
values ($scope, $subject_hash, $now);
