-- figure: offered
-- title fr: Fichiers et messages reçus
-- title en: Files and messages offered
-- definition fr: Fichiers DICOM et messages HL7 pris par les nuits du mois, par issue ; la somme des issues est le nombre reçu.
-- definition en: DICOM files and HL7 messages taken by the month's nights, by outcome; the outcomes add up to what was offered.
-- numerator fr: fichiers ou messages de cette issue
-- numerator en: files or messages of this outcome
-- denominator fr: fichiers ou messages reçus
-- denominator en: files or messages offered
-- exclusions fr: aucune
-- exclusions en: none
-- unit: items
-- source: ledger
select
    kind,
    outcome,
    count(*) as numerator,
    sum(count(*)) over (partition by kind)::bigint as denominator
from ledger
where site = $site and night >= $start and night < $end
group by kind, outcome
order by kind, outcome
