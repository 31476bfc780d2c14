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
    asked.site,
    asked.since,
    ledger.kind,
    ledger.outcome,
    count(*) as numerator,
    sum(count(*)) over (partition by asked.site, asked.since, ledger.kind)::bigint as denominator
from asked
join ledger on ledger.site = asked.site and ledger.night >= asked.since and ledger.night < asked.until
group by asked.site, asked.since, ledger.kind, ledger.outcome
order by asked.site, asked.since, ledger.kind, ledger.outcome
