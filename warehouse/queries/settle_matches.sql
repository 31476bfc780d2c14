-- An offer is judged by all the reports in it: accepted when one of them has its study, and what is amiss with the
-- others is flagged. The gate's own codes stay, behind.
update ledger
set outcome = settled.outcome, reasons = settled.reasons
from (
    with offer as materialized (
        select rowid as place, site, offer_id, message_id, outcome, reasons
        from ledger
        where site = $site and kind = 'message'
    ),

    told as (
        select site, message_id, bool_or(agrees) as agrees
        from report_match
        where site = $site
        group by all
    ),

    objecting as (
        select site, message_id
        from report_event
        inner join opposed_patient using (site, patient_id)
        where site = $site
        union
        select report_match.site, report_match.message_id
        from report_match
        inner join opposed_study using (site, study_uid)
        where report_match.site = $site and report_match.agrees
    ),

    brought as (
        select site, offer_id, message_id, true as named
        from report_event
        where site = $site and offer_id is not null
        union all
        select offer.site, offer.offer_id, offer.message_id, false
        from offer
        inner join report_event using (site, message_id)
        where report_event.offer_id is null
    ),

    judged as (
        select
            brought.site,
            brought.offer_id,
            bool_or(brought.named) as named,
            bool_and(report_conflict.message_id is not null) as conflicting,
            bool_and(objecting.message_id is not null) as opposed,
            bool_or(coalesce(told.agrees, false)) as matched,
            bool_or(not coalesce(told.agrees, true)) as mismatched,
            bool_or(told.agrees is null) as unmatched
        from brought
        left join told using (site, message_id)
        left join report_conflict using (site, message_id)
        left join objecting using (site, message_id)
        group by all
    ),

    reasoned as (
        select
            judged.*,
            offer.place,
            offer.outcome as old_outcome,
            offer.reasons as old_reasons,
            case
                when judged.opposed then ['OPPOSITION']
                when judged.conflicting then ['UID_CONFLICT']
                else list_concat(
                    case when judged.mismatched then ['PATIENT_MISMATCH'] else [] end,
                    case when judged.unmatched then ['UNMATCHED'] else [] end
                )
            end as settled_codes,
            list_concat(
                settled_codes,
                list_filter(
                    offer.reasons,
                    lambda code: code not in ('PATIENT_MISMATCH', 'UNMATCHED', 'UID_CONFLICT', 'OPPOSITION')
                )
            ) as codes
        from judged
        inner join offer using (site, offer_id)
        where offer.outcome in ('accepted', 'accepted_flagged', 'unmatched')
            or (offer.outcome = 'quarantined' and list_contains(offer.reasons, 'PATIENT_MISMATCH'))
            or (offer.outcome = 'accepted_not_inferred' and list_contains(offer.reasons, 'OPPOSITION'))
            or (offer.outcome = 'conflict' and judged.named)
    )

    select
        place,
        codes as reasons,
        case
            when opposed then 'accepted_not_inferred'
            when conflicting then 'conflict'
            when not matched and mismatched then 'quarantined'
            when not matched then 'unmatched'
            when len(codes) > 0 then 'accepted_flagged'
            else 'accepted'
        end as outcome
    from reasoned
    where outcome is distinct from old_outcome or codes is distinct from old_reasons
) as settled
-- By their place: an update reads every column of what it looks through, and so looks through little.
where ledger.rowid = settled.place
returning ledger.offer_id;
