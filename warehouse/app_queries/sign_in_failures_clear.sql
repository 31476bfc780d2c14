delete from sign_in_failure
where scope = $scope and subject_hash = $subject_hash;
