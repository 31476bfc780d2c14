-- Of the files that a night took: ledger rows, and accepted images that have a row of their own.
select count(*) as offered,
    count(*) filter (where kind = 'dicom' and outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred')) as accepted,
    count(*) filter (
        where kind = 'dicom'
            and outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred')
            and not exists (
                select 1
                from instance
                where instance.site = ledger.site and instance.instance_uid = ledger.instance_uid
            )
    ) as lost
from ledger
where site = $site and night = $day;
