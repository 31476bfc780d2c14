insert into audit_sample (
    site, month, study_uid, message_id, cell_ai, cell_label, place, population, turn, drawn_at
)
values (:site, :month, :study_uid, :message_id, :cell_ai, :cell_label, :place, :population, :turn, :drawn_at)
on conflict do nothing
