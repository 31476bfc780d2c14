-- Offers of several messages, all of them erased, are told by what they brought; run before these rows go.
update ledger
set message_id = brought.message_id
from (
    select told.offer_id, min(told.message_id) as message_id
    from (
        select offer_id, message_id
        from report_event
        where site = $site
        union all
        select offer_id, message_id
        from order_event
        where site = $site
        union all
        select offer_id, message_id
        from patient_merge
        where site = $site
    ) as told
    left join (
        select pseudonym
        from tombstone
        where site = $site and kind = 'message_id'
    ) as gone on told.message_id = gone.pseudonym
    where told.offer_id is not null
    group by told.offer_id
    having bool_and(gone.pseudonym is not null)
) as brought
where ledger.site = $site and ledger.offer_id = brought.offer_id;
