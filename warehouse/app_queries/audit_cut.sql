delete from audit_event
where seq <= $through;
