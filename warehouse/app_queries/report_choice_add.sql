insert into report_choice (site, version, author, chosen_at, choice)
values (:site, :version, :author, :chosen_at, :choice)
