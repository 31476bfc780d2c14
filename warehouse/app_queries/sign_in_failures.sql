select count(*) as n, min(failed_at) as first_at
from sign_in_failure
where scope = $scope and subject_hash = $subject_hash and failed_at > $since;
