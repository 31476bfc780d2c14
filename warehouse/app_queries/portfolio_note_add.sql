insert into portfolio_note (site, month, text, author, noted_at)
values (:site, :month, :text, :author, :now)
