insert into audit_checkpoint (through, hash, cut_at)
values ($through, $hash, $now);
