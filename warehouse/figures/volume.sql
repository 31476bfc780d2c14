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
with period as (
    select unnest($starts::date[]) as since, unnest($ends::date[]) as until
),
outside as (
    select period.since, count(distinct study_uid) as studies
    from period
    join instance on instance.site = $site and instance.day >= period.since and instance.day < period.until
    where study_uid not in (select study_uid from study where site = $site)
    group by period.since
)
select
    period.since,
    count(study.study_uid) as numerator,
    null::bigint as denominator,
    {'out_of_scope': coalesce(any_value(outside.studies), 0)} as excluded
from period
left join outside on outside.since = period.since
left join study on study.site = $site and study.day >= period.since and study.day < period.until
group by period.since
order by period.since
