-- figure: models
-- title fr: Modèles utilisés
-- title en: Models used
-- definition fr: Examens du mois par modèle (nom, version) avec le premier et le dernier jour.
-- definition en: Studies of the month by model (name, version) with the first and the last day.
-- numerator fr: examens du modèle
-- numerator en: studies of the model
-- denominator fr: examens du mois ayant un modèle
-- denominator en: studies of the month with a model
-- exclusions fr: examens sans modèle (non analysés)
-- exclusions en: studies without a model (not analysed)
-- unit: studies
-- source: study, model
with counted as (
    select
        asked.site,
        asked.since,
        coalesce(model.model_name, 'unknown') as model,
        coalesce(model.model_version, 'unknown') as version,
        study.model_sha256 as sha256,
        min(study.day) as first_day,
        max(study.day) as last_day,
        count(*) as studies
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    left join model using (model_sha256)
    group by all
)
select
    site,
    since,
    model,
    version,
    sha256,
    first_day,
    last_day,
    studies as numerator,
    (sum(studies) filter (sha256 is not null) over (partition by site, since))::bigint as denominator,
    {
        'no_model': coalesce(sum(studies) filter (sha256 is null) over (partition by site, since), 0)::bigint
    } as excluded
from counted
qualify sha256 is not null
order by site, since, first_day, model, version, sha256
