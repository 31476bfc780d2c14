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
with month as (
    select
        study.day,
        study.model_sha256,
        coalesce(model.model_name, 'unknown') as model,
        coalesce(model.model_version, 'unknown') as version
    from study
    left join model using (model_sha256)
    where site = $site and day >= $start and day < $end
)
select
    model,
    version,
    model_sha256 as sha256,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as numerator,
    sum(count(*)) over ()::bigint as denominator,
    {'no_model': (select count(*) from month where model_sha256 is null)} as excluded
from month
where model_sha256 is not null
group by model, version, model_sha256
order by first_day, model, version, sha256
