-- Where the audit trail was cut at the end of its retention: the trail goes on from the hash of the last row removed.
create table audit_checkpoint (
    through integer primary key,          -- number of the last row removed
    hash text not null,                   -- its hash: the first row that is left follows it
    cut_at text not null
) strict;
create trigger audit_checkpoint_is_never_changed before update on audit_checkpoint
begin
    select raise(abort, 'the audit trail is append-only');
end;
create trigger audit_checkpoint_is_never_deleted before delete on audit_checkpoint
begin
    select raise(abort, 'the audit trail is append-only');
end;
drop trigger audit_event_is_never_deleted;
create trigger audit_event_is_never_deleted before delete on audit_event
when old.seq > coalesce((select max(through) from audit_checkpoint), 0)
begin
    select raise(abort, 'the audit trail is append-only');
end;
