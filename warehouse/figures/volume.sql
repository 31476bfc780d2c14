-- figure: volume
-- title fr: Examens analysables
-- title en: Studies in scope
-- definition fr: Nombre d'examens du périmètre, au jour local de la fin de l'examen.
-- definition en: Number of in-scope studies, by the local day on which the examination ended.
-- numerator fr: examens du périmètre
-- numerator en: in-scope studies
-- denominator fr: sans objet
-- denominator en: none
-- exclusions fr: examens reçus hors du périmètre (comptés à part)
-- exclusions en: studies received out of scope (counted apart)
-- unit: studies
-- source: study, instance
select
    count(*) as numerator,
    null::bigint as denominator,
    {
        'out_of_scope': (
            select count(distinct study_uid)
            from instance
            where site = $site and day >= $start and day < $end
                and study_uid not in (select study_uid from study where site = $site)
        )
    } as excluded
from study
where site = $site and day >= $start and day < $end
