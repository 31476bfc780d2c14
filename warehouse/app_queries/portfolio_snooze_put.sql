insert or replace into portfolio_snooze (site, rule, until, author, snoozed_at)
values (:site, :rule, :until, :author, :now)
