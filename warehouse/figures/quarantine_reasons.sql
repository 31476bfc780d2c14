-- figure: quarantine_reasons
-- title fr: Motifs de mise à l'écart
-- title en: Reasons for setting aside
-- definition fr: Fichiers et messages mis en quarantaine, en conflit ou illisibles, par motif principal.
-- definition en: Files and messages in quarantine, in conflict or of another format, by deciding reason.
-- numerator fr: fichiers ou messages de ce motif
-- numerator en: files or messages with this reason
-- denominator fr: fichiers ou messages reçus
-- denominator en: files or messages offered
-- exclusions fr: aucune
-- exclusions en: none
-- unit: items
-- source: ledger
with counted as (
    select
        asked.site,
        asked.since,
        ledger.kind,
        case
            when ledger.outcome in ('quarantined', 'conflict', 'not_dicom', 'not_hl7')
                then coalesce(ledger.reasons[1], 'UNKNOWN')
        end as reason,
        count(*) as offers
    from asked
    join ledger on ledger.site = asked.site and ledger.night >= asked.since and ledger.night < asked.until
    group by all
)
select
    site,
    since,
    kind,
    reason,
    offers as numerator,
    (sum(offers) over (partition by site, since, kind))::bigint as denominator
from counted
qualify reason is not null
order by site, since, kind, numerator desc, reason
