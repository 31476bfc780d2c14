-- Contents of image files: each is one patient's. Those of messages may hold several patients'.
select content_id
from ledger
where site = $site
    and kind = 'dicom'
    and (study_uid in (select unnest($studies)) or instance_uid in (select unnest($instances)));
