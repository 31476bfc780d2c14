update ledger
set outcome = $outcome, reasons = list_concat($reasons::varchar[], reasons)
where site = $site
    and kind = 'dicom'
    and instance_uid = $instance_uid
    and outcome in ('accepted', 'accepted_flagged')
returning instance_uid;
