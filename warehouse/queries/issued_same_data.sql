update issued
set data_sha256 = $data_sha256
where site = $site and month = $month and issue = $issue;
