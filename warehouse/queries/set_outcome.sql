update ledger
set outcome = $outcome, reasons = list_concat(verdict.codes, reasons)
from (select unnest($images) as image, unnest($codes) as codes) as verdict
where site = $site
    and kind = 'dicom'
    and instance_uid = verdict.image
    and outcome in ('accepted', 'accepted_flagged')
returning instance_uid;
