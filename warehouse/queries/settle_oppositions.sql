-- Images of patients who object are not inferred; when the objection ends they are what they were.
update ledger
set outcome = settled.outcome, reasons = settled.reasons, before_opposition = settled.before_opposition
from (
    select
        ledger.offer_id,
        opposed_study.study_uid is not null as opposed,
        case when opposed then 'accepted_not_inferred' else ledger.before_opposition end as outcome,
        list_concat(
            case when opposed then ['OPPOSITION'] else [] end,
            list_filter(ledger.reasons, lambda code: code <> 'OPPOSITION')
        ) as reasons,
        case when opposed then coalesce(ledger.before_opposition, ledger.outcome) end as before_opposition
    from ledger
    left join opposed_study using (site, study_uid)
    where ledger.site = $site
        and ledger.kind = 'dicom'
        and ledger.outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred')
        and (opposed_study.study_uid is not null or ledger.before_opposition is not null)
) as settled
where ledger.site = $site
    and ledger.offer_id = settled.offer_id
    and ledger.before_opposition is distinct from settled.before_opposition
returning ledger.offer_id;
