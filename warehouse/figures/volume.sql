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
with outside as (
    select asked.site, asked.since, count(distinct instance.study_uid) as studies
    from asked
    join instance on instance.site = asked.site and instance.day >= asked.since and instance.day < asked.until
    where not instance.in_scope
        and not exists (
            select 1
            from instance as other
            where other.site = instance.site and other.study_uid = instance.study_uid and other.in_scope
        )
    group by asked.site, asked.since
)
select
    asked.site,
    asked.since,
    count(study.study_uid) as numerator,
    null::bigint as denominator,
    {'out_of_scope': coalesce(any_value(outside.studies), 0)} as excluded
from asked
left join outside using (site, since)
left join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
group by asked.site, asked.since
order by asked.site, asked.since
