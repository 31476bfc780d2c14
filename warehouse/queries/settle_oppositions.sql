-- Images of patients who object, and of studies that were taken back, are not inferred; when that ends they are what
-- they were.
update ledger
set outcome = settled.outcome, reasons = settled.reasons, before_opposition = settled.before_opposition
from (
    select
        ledger.rowid as place,
        ledger.reasons as old_reasons,
        ledger.before_opposition as old_before_opposition,
        case
            when opposed_study.study_uid is not null then 'OPPOSITION'
            when taken_back.study_uid is not null then 'STUDY_WITHDRAWN'
        end as code,
        case when code is not null then 'accepted_not_inferred' else ledger.before_opposition end as outcome,
        list_concat(
            case when code is not null then [code] else [] end,
            list_filter(ledger.reasons, lambda code: code not in ('OPPOSITION', 'STUDY_WITHDRAWN'))
        ) as reasons,
        case when code is not null then coalesce(ledger.before_opposition, ledger.outcome) end as before_opposition
    from ledger
    left join opposed_study using (site, study_uid)
    left join taken_back using (site, study_uid)
    where ledger.site = $site
        and ledger.kind = 'dicom'
        and ledger.outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred')
        and (opposed_study.study_uid is not null or taken_back.study_uid is not null or ledger.before_opposition is not null)
) as settled
where ledger.rowid = settled.place
    and (
        settled.before_opposition is distinct from settled.old_before_opposition
        or settled.reasons is distinct from settled.old_reasons
    )
returning ledger.offer_id;
