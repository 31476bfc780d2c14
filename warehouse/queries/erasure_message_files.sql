-- The files that brought messages that are erased.
select distinct ledger.content_id
from ledger
where ledger.site = $site
    and ledger.kind = 'message'
    and (
        ledger.message_id in (select pseudonym from tombstone where site = $site and kind = 'message_id')
        or ledger.offer_id in (
            select offer_id
            from (
                select site, offer_id, message_id
                from report_event
                union all
                select site, offer_id, message_id
                from order_event
                union all
                select site, offer_id, message_id
                from patient_merge
            ) as brought
            inner join tombstone on brought.site = tombstone.site and brought.message_id = tombstone.pseudonym
            where tombstone.site = $site and tombstone.kind = 'message_id' and brought.offer_id is not null
        )
    )
order by all;
