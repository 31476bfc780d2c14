delete from portfolio_snooze
where site = :site and rule = :rule
