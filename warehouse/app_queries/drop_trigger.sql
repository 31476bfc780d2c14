-- `{trigger}` is a name that `app_triggers.sql` found.
drop trigger {trigger};
