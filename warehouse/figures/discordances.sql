-- figure: discordances
-- title fr: Discordances entre l'IA et le compte rendu
-- title en: Discordances between AI and report
-- definition fr: Examens comparables où l'IA est positive ou douteuse et le compte rendu sans fracture, ou l'IA négative et le
--    compte rendu avec fracture.
-- definition en: Comparable studies in which the AI is positive or doubtful and the report without fracture, or the AI negative and
--    the report with fracture.
-- numerator fr: examens discordants dans ce sens
-- numerator en: studies discordant in this direction
-- denominator fr: examens comparables
-- denominator en: comparable studies
-- exclusions fr: les mêmes que pour l'accord
-- exclusions en: the same as for agreement
-- unit: studies
-- source: study
-- measure discordances_reviewed title fr: Discordances revues
-- measure discordances_reviewed title en: Discordances reviewed
-- measure discordances_reviewed unit: share
-- measure discordances_reviewed definition fr: Part des examens discordants sur lesquels un clinicien s'est prononcé avant l'arrêt des
--    données.
-- measure discordances_reviewed definition en: Share of discordant studies on which a clinician has given a verdict before the data cut.
-- measure discordances_reviewed numerator fr: examens discordants revus
-- measure discordances_reviewed numerator en: discordant studies reviewed
-- measure discordances_reviewed denominator fr: examens discordants dans ce sens
-- measure discordances_reviewed denominator en: studies discordant in this direction
-- measure discordances_confirmed title fr: Fractures confirmées parmi les discordances revues
-- measure discordances_confirmed title en: Fractures confirmed among reviewed discordances
-- measure discordances_confirmed unit: share
-- measure discordances_confirmed definition fr: Part des examens discordants revus où le clinicien conclut à une fracture.
-- measure discordances_confirmed definition en: Share of reviewed discordant studies for which the clinician says fracture.
-- measure discordances_confirmed numerator fr: verdicts « fracture »
-- measure discordances_confirmed numerator en: verdicts of fracture
-- measure discordances_confirmed denominator fr: examens discordants revus
-- measure discordances_confirmed denominator en: discordant studies reviewed
-- measure discordance_verdicts title fr: Verdicts sur les discordances
-- measure discordance_verdicts title en: Verdicts on discordances
-- measure discordance_verdicts definition fr: Examens discordants revus, par dernier verdict (fracture, pas de fracture,
--    incertain).
-- measure discordance_verdicts definition en: Reviewed discordant studies by last verdict (fracture, no fracture, unsure).
-- measure discordance_verdicts numerator fr: examens discordants avec ce verdict
-- measure discordance_verdicts numerator en: discordant studies with this verdict
-- measure discordance_verdicts denominator fr: examens discordants revus
-- measure discordance_verdicts denominator en: discordant studies reviewed
-- measure discordance_review_hours title fr: Délai de revue des discordances
-- measure discordance_review_hours title en: Time to review of discordances
-- measure discordance_review_hours unit: hours
-- measure discordance_review_hours definition fr: Temps médian entre le moment où la discordance est connue (résultat de l'IA et compte
--    rendu présents) et le verdict.
-- measure discordance_review_hours definition en: Median time from the moment at which the discordance is known (AI result and report
--    both there) to the verdict.
-- measure discordance_review_hours numerator fr: heures
-- measure discordance_review_hours numerator en: hours
-- measure discordance_review_hours denominator fr: examens discordants revus, aux heures utilisables
-- measure discordance_review_hours denominator en: discordant studies reviewed, with usable times
with compared as (
    select
        asked.site,
        asked.since,
        study.study_uid,
        study.verdict,
        study.verdict_at,
        case when study.report_final is not null then greatest(study.ai_completed, study.report_final) end as known_at,
        study.verdict is not null and coalesce(study.verdict_at <= asked.cut, true) as reviewed,
        case
            when (study.ai_result = 'negative') <> (study.report_label = 'present') then null
            when study.ai_result = 'negative' then 'ai_negative_report_present'
            else 'ai_positive_report_absent'
        end as direction
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
    where study.ai_result in ('positive', 'doubtful', 'negative')
        and study.report_state in ('final', 'corrected')
        and coalesce(study.report_final <= asked.cut, true)
        and study.report_label in ('present', 'absent')
        and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
        and coalesce(study.report_tier, 'decided') <> 'review'
),
directions as (
    select site, since, unnest(['ai_positive_report_absent', 'ai_negative_report_present']) as direction
    from asked
),
totals as (
    select site, since, count(*) as studies
    from compared
    group by site, since
)
select
    site,
    since,
    direction,
    count(study_uid) as numerator,
    coalesce(any_value(totals.studies), 0) as denominator,
    count(*) filter (reviewed) as reviewed,
    count(*) filter (reviewed and verdict = 'fracture') as confirmed,
    count(*) filter (reviewed and verdict = 'no_fracture') as refuted,
    count(*) filter (reviewed and verdict = 'unsure') as unsure,
    coalesce(
        list(datediff('microsecond', known_at, verdict_at) / 3.6e9 order by verdict_at - known_at)
            filter (reviewed and verdict_at >= known_at),
        []
    ) as hours
from directions
left join totals using (site, since)
left join compared using (site, since, direction)
group by site, since, direction
order by site, since, direction desc
