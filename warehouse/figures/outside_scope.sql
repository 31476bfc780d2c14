-- figure: outside_scope
-- title fr: Hors du périmètre validé
-- title en: Outside the validated scope
-- definition fr: Examens analysés de régions pour lesquelles le modèle n'a pas été validé, que le site a choisi d'analyser.
-- definition en: Analysed studies of regions that the model was not validated on, and that the site chose to have analysed.
-- numerator fr: examens analysés de la région
-- numerator en: analysed studies of the region
-- denominator fr: examens analysés
-- denominator en: analysed studies
-- exclusions fr: examen sans résultat ; modèle dont les régions validées ne sont pas connues
-- exclusions en: study without result; model whose validated regions are not known
-- unit: studies
-- source: study, model
with counted as (
    select
        asked.site,
        asked.since,
        coalesce(study.region, 'unknown') as region,
        not list_contains(model.regions, coalesce(study.region, 'unknown')) as outside,
        count(*) as studies
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    left join model using (model_sha256)
    where study.ai_result in ('positive', 'doubtful', 'negative')
    group by all
)
select
    site,
    since,
    region,
    studies as numerator,
    (sum(studies) over (partition by site, since))::bigint as denominator,
    {
        'scope_unknown': coalesce(sum(studies) filter (outside is null) over (partition by site, since), 0)::bigint
    } as excluded
from counted
qualify outside
order by site, since, numerator desc, region
