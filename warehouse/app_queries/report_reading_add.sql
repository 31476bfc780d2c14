insert into report_reading (site, study_uid, message_id, author, label, acuity, read_at)
values (:site, :study_uid, :message_id, :author, :label, :acuity, :read_at)
