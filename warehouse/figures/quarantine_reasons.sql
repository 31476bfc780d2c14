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
with offers as (
    select
        kind,
        outcome in ('quarantined', 'conflict', 'not_dicom', 'not_hl7') as set_aside,
        coalesce(reasons[1], 'UNKNOWN') as reason
    from ledger
    where site = $site and night >= $start and night < $end
)
select
    kind,
    reason,
    count(*) as numerator,
    (select count(*) from offers as every where every.kind = offers.kind) as denominator
from offers
where set_aside
group by kind, reason
order by kind, numerator desc, reason
