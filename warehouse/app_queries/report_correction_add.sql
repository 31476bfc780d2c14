insert into report_correction (site, message_id, author, label, acuity, corrected_at)
values (:site, :message_id, :author, :label, :acuity, :corrected_at)
