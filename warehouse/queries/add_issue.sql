insert into issued (site, month, issue, issued_at, data_cut, data_sha256, figures_sha256, definition)
values ($site, $month, $issue, $issued_at, $data_cut, $data_sha256, $figures_sha256, $definition);
