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
    asked.site,
    asked.since,
    count(*) filter (origin = 'simulated') as numerator,
    count(study.study_uid) as denominator
from asked
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since
