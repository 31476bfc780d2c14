-- figure: shadow_cells
-- title fr: Modèle signalant et modèle en observation
-- title en: Flagging model and shadow model
-- definition fr: Examens par résultat du modèle qui signale et par résultat, sur les mêmes images, du modèle en observation (ses
--    propres seuils), qui ne signale rien.
-- definition en: Studies by the result of the model that flags and by the result, on the same images, of the model in the shadow (by
--    its own thresholds), which flags nothing.
-- numerator fr: examens de la case
-- numerator en: studies of the cell
-- denominator fr: examens où les deux modèles ont analysé les mêmes images
-- denominator en: studies of which both models analysed the same images
-- exclusions fr: examen sans résultat du modèle qui signale ; non vu par le modèle en observation ; images analysées différentes
-- exclusions en: study without result of the flagging model; not seen by the shadow model; other images analysed
-- unit: studies
-- source: study, finding, instance, model
-- measure shadow_excluded title fr: Examens où les deux modèles ne se comparent pas
-- measure shadow_excluded title en: Studies on which the two models cannot be compared
-- measure shadow_excluded definition fr: Examens du mois exclus de la comparaison des deux modèles, par motif ; chacun au premier motif.
-- measure shadow_excluded definition en: Studies of the month left out of the comparison of the two models, by reason; each at the
--    first reason.
-- measure shadow_excluded numerator fr: examens exclus pour ce motif
-- measure shadow_excluded numerator en: studies excluded for this reason
-- measure shadow_excluded denominator fr: examens du mois
-- measure shadow_excluded denominator en: studies of the month
-- measure shadow_excluded exclusions fr: aucune
-- measure shadow_excluded exclusions en: none
-- measure shadow_agreement title fr: Accord de chaque modèle avec le compte rendu
-- measure shadow_agreement title en: Agreement of each model with the report
-- measure shadow_agreement unit: share
-- measure shadow_agreement definition fr: Part des examens comparés, dont le compte rendu conclut à une fracture ou à son absence, où le
--    modèle conclut de même ; un résultat douteux compte comme positif. Mêmes examens pour les deux modèles.
-- measure shadow_agreement definition en: Share of the compared studies, of which the report says fracture or none, in which the model
--    concludes alike; a doubtful result counts as positive. The same studies for both models.
-- measure shadow_agreement numerator fr: examens concordants
-- measure shadow_agreement numerator en: concordant studies
-- measure shadow_agreement denominator fr: examens comparés à compte rendu concluant
-- measure shadow_agreement denominator en: compared studies with a report that decides
-- measure shadow_agreement exclusions fr: compte rendu définitif absent à l'arrêt des données, retiré, non lu, en file de relecture, incertain, ne se
--    prononçant pas, de suivi ou de lésion ancienne
-- measure shadow_agreement exclusions en: no final report at the data cut, withdrawn, not read, queued for a person, uncertain, silent on fracture, a
--    follow-up or an old lesion
-- measure shadow_present title fr: Fractures du compte rendu signalées par chaque modèle
-- measure shadow_present title en: Fractures of the report flagged by each model
-- measure shadow_present unit: share
-- measure shadow_present definition fr: Parmi ces examens, part de ceux avec fracture au compte rendu que le modèle dit positifs ou
--    douteux.
-- measure shadow_present definition en: Of these studies, share of those with fracture in the report that the model calls positive or
--    doubtful.
-- measure shadow_present numerator fr: fractures du compte rendu signalées
-- measure shadow_present numerator en: fractures of the report flagged
-- measure shadow_present denominator fr: examens comparés avec fracture au compte rendu
-- measure shadow_present denominator en: compared studies with fracture in the report
-- measure shadow_absent title fr: Comptes rendus sans fracture non signalés par chaque modèle
-- measure shadow_absent title en: Reports without fracture not flagged by each model
-- measure shadow_absent unit: share
-- measure shadow_absent definition fr: Parmi ces examens, part de ceux sans fracture au compte rendu que le modèle dit négatifs.
-- measure shadow_absent definition en: Of these studies, share of those without fracture in the report that the model calls negative.
-- measure shadow_absent numerator fr: examens sans fracture au compte rendu dits négatifs
-- measure shadow_absent numerator en: studies without fracture in the report called negative
-- measure shadow_absent denominator fr: examens comparés sans fracture au compte rendu
-- measure shadow_absent denominator en: compared studies without fracture in the report
with month as (
    select
        asked.site,
        asked.since,
        study.study_uid,
        study.images_inferred,
        study.ai_result,
        case
            when study.report_state in ('final', 'corrected')
                and coalesce(study.report_final <= asked.cut, true)
                and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
                and study.report_label in ('present', 'absent')
                and coalesce(study.report_tier, 'decided') <> 'review'
                then study.report_label
        end as label
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
),
totals as (
    select site, since, count(*) as studies
    from month
    group by site, since
),
shadowed as (
    select
        month.site,
        month.since,
        finding.study_uid,
        finding.instance_uid,
        finding.model_sha256,
        finding.status,
        finding.score
    from finding
    join month using (site, study_uid)
    where finding.code = 'fracture' and finding.role = 'shadow'
),
flagged as (
    -- The images that gave the study its result, where a shadow saw it at all.
    select distinct finding.site, finding.study_uid, finding.instance_uid
    from finding
    join (select distinct site, study_uid from shadowed) as wanted using (site, study_uid)
    join instance using (site, instance_uid)
    where finding.code = 'fracture' and finding.role = 'flag' and finding.status = 'ok' and instance.in_scope
),
seen as (
    select
        shadowed.site,
        shadowed.since,
        shadowed.study_uid,
        shadowed.model_sha256,
        count(*) filter (shadowed.status = 'ok' and flagged.instance_uid is not null) as images,
        max(shadowed.score) filter (flagged.instance_uid is not null) as score
    from shadowed
    left join flagged using (site, study_uid, instance_uid)
    group by shadowed.site, shadowed.since, shadowed.study_uid, shadowed.model_sha256
),
shadow as (
    select
        shadows.*,
        coalesce(model.model_name || ' ' || model.model_version, 'unknown') as shadow,
        model.threshold_doubtful,
        model.threshold_positive
    from (select distinct site, since, model_sha256 from seen) as shadows
    left join model using (model_sha256)
),
paired as (
    select
        shadow.site,
        shadow.since,
        shadow.shadow,
        month.ai_result as ai,
        case
            when seen.score >= shadow.threshold_positive then 'positive'
            when seen.score >= shadow.threshold_doubtful then 'doubtful'
            when seen.score < shadow.threshold_doubtful then 'negative'
        end as result,
        month.label,
        case
            when month.ai_result in ('failed', 'not_processed') then 'no_result'
            when seen.study_uid is null then 'no_shadow'
            when seen.images <> month.images_inferred or result is null then 'other_images'
        end as reason
    from shadow
    join month using (site, since)
    left join seen on seen.site = shadow.site
        and seen.since = shadow.since
        and seen.study_uid = month.study_uid
        and seen.model_sha256 = shadow.model_sha256
)
select
    site,
    since,
    shadow,
    case when reason is null then ai end as ai,
    case when reason is null then result end as result,
    case when reason is null then label end as label,
    reason,
    count(*) as numerator,
    any_value(totals.studies) as denominator
from paired
join totals using (site, since)
group by all
order by site, since, shadow, reason nulls first, ai, result, label
