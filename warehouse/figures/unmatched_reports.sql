-- figure: unmatched_reports
-- title fr: Comptes rendus sans examen
-- title en: Reports without a study
-- definition fr: Messages de compte rendu du mois dont l'examen n'est pas (encore) connu, parmi les messages lisibles.
-- definition en: Report messages of the month of which the study is not known (so far), among the readable ones.
-- numerator fr: messages sans examen
-- numerator en: messages without a study
-- denominator fr: messages acceptés ou sans examen
-- denominator en: messages accepted or without a study
-- exclusions fr: messages en double ou mis à l'écart
-- exclusions en: messages duplicated or set aside
-- unit: reports
-- source: ledger
select
    asked.site,
    asked.since,
    count(*) filter (outcome = 'unmatched') as numerator,
    count(*) filter (outcome in ('accepted', 'accepted_flagged', 'unmatched')) as denominator,
    {
        'duplicate': count(*) filter (outcome = 'duplicate'),
        'set_aside': count(*) filter (outcome in ('quarantined', 'conflict', 'not_hl7'))
    } as excluded
from asked
left join ledger on ledger.site = asked.site
    and ledger.night >= asked.since
    and ledger.night < asked.until
    and ledger.kind = 'message'
group by asked.site, asked.since
order by asked.site, asked.since
