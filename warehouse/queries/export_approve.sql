insert into export_approval by name
select $site as site, $now as approved_at, $by as approved_by, $scope as scope_sha256, $content as content_sha256
