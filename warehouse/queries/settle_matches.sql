-- An offer is judged by all the reports in it: accepted when one of them has its study, and what is amiss with the
-- others is flagged. The gate's own codes stay, behind.
update ledger
set outcome = settled.outcome, reasons = settled.reasons
from (
    with told as (
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
        select ledger.site, ledger.offer_id, ledger.message_id, false
        from ledger
        inner join report_event using (site, message_id)
        where site = $site and ledger.kind = 'message' and report_event.offer_id is null
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
                    ledger.reasons,
                    lambda code: code not in ('PATIENT_MISMATCH', 'UNMATCHED', 'UID_CONFLICT', 'OPPOSITION')
                )
            ) as codes
        from judged
        inner join ledger using (site, offer_id)
        where ledger.site = $site
            and ledger.kind = 'message'
            and (
                ledger.outcome in ('accepted', 'accepted_flagged', 'unmatched')
                or (ledger.outcome = 'quarantined' and list_contains(ledger.reasons, 'PATIENT_MISMATCH'))
                or (ledger.outcome = 'accepted_not_inferred' and list_contains(ledger.reasons, 'OPPOSITION'))
                or (ledger.outcome = 'conflict' and judged.named)
            )
    )

    select
        site,
        offer_id,
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
) as settled
where ledger.site = $site
    and ledger.offer_id = settled.offer_id
    and (ledger.outcome is distinct from settled.outcome or ledger.reasons is distinct from settled.reasons)
returning ledger.offer_id;
