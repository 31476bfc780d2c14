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
with analysed as (
    select
        coalesce(study.region, 'unknown') as region,
        not list_contains(model.regions, coalesce(study.region, 'unknown')) as outside
    from study
    left join model using (model_sha256)
    where study.site = $site
        and study.day >= $start
        and study.day < $end
        and study.ai_result in ('positive', 'doubtful', 'negative')
)
select
    region,
    count(*) as numerator,
    (select count(*) from analysed) as denominator,
    {'scope_unknown': (select count(*) from analysed where outside is null)} as excluded
from analysed
where outside
group by region
order by numerator desc, region
