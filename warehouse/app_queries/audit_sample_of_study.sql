select month, study_uid, message_id
from audit_sample
where site = :site and study_uid = :study_uid
