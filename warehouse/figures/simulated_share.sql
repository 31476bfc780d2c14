-- figure: simulated_share
-- title fr: Part de données simulées
-- title en: Share of simulated data
-- definition fr: Part des examens du mois dont les résultats ont été simulés pour la démonstration.
-- definition en: Share of the month's studies of which the results were simulated for the demonstration.
-- numerator fr: examens simulés
-- numerator en: simulated studies
-- denominator fr: examens du mois
-- denominator en: studies of the month
-- exclusions fr: aucune
-- exclusions en: none
-- unit: share
-- source: study
select
    count(*) filter (origin = 'simulated') as numerator,
    count(*) as denominator
from study
where site = $site and day >= $start and day < $end
