update portfolio_note
set removed_at = :now
where note_id = :note_id and site = :site and removed_at is null
