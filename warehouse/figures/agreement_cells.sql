-- figure: agreement_cells
-- title fr: IA et compte rendu
-- title en: AI and report
-- definition fr: Examens par résultat de l'IA (positif, douteux, négatif) et lecture du dernier compte rendu définitif ou corrigé
--    (fracture récente présente ou absente).
-- definition en: Studies by AI result (positive, doubtful, negative) and by what the last final or corrected report says (acute
--    fracture present or absent).
-- numerator fr: examens de la case
-- numerator en: studies of the cell
-- denominator fr: examens comparables
-- denominator en: comparable studies
-- exclusions fr: examen non analysé ou analyse échouée ; sans compte rendu définitif à l'arrêt des données, ou retiré ; compte
--    rendu non lu, en file de relecture, incertain, ne se prononçant pas, de suivi ou de lésion ancienne
-- exclusions en: study not analysed or analysis failed; no final report at the data cut, or withdrawn; report not read,
--    queued for a person, uncertain, silent on fracture, a follow-up or an old lesion
-- unit: studies
-- source: study
-- measure agreement_excluded title fr: Examens non comparables
-- measure agreement_excluded title en: Studies that cannot be compared
-- measure agreement_excluded definition fr: Examens du mois exclus de la comparaison entre l'IA et le compte rendu, par motif ; un
--    examen n'est compté qu'une fois, au premier motif.
-- measure agreement_excluded definition en: Studies of the month left out of the comparison of AI and report, by reason; a study is
--    counted once, at the first reason.
-- measure agreement_excluded numerator fr: examens exclus pour ce motif
-- measure agreement_excluded numerator en: studies excluded for this reason
-- measure agreement_excluded denominator fr: examens du mois
-- measure agreement_excluded denominator en: studies of the month
-- measure agreement_excluded exclusions fr: aucune
-- measure agreement_excluded exclusions en: none
-- measure agreement title fr: Accord avec le compte rendu
-- measure agreement title en: Agreement with the report
-- measure agreement unit: share
-- measure agreement definition fr: Part des examens comparables où l'IA et le compte rendu concluent de même. Lecture principale : un
--    résultat douteux compte comme positif ; seconde lecture : comme négatif. Le compte rendu n'est pas la vérité.
-- measure agreement definition en: Share of comparable studies in which AI and report conclude alike. Main reading: a doubtful result
--    counts as positive; second reading: as negative. The report is not the truth.
-- measure agreement numerator fr: examens concordants
-- measure agreement numerator en: concordant studies
-- measure positive_percent_agreement title fr: Accord avec les comptes rendus positifs
-- measure positive_percent_agreement title en: Agreement with positive reports
-- measure positive_percent_agreement unit: share
-- measure positive_percent_agreement definition fr: Accord positif en pourcentage : part des examens avec fracture au compte rendu
--    que l'IA signale.
-- measure positive_percent_agreement definition en: Positive percent agreement: share of studies with fracture in the report that
--    the AI flags.
-- measure positive_percent_agreement numerator fr: fractures au compte rendu signalées par l'IA
-- measure positive_percent_agreement numerator en: fractures in the report flagged by the AI
-- measure positive_percent_agreement denominator fr: examens comparables avec fracture au compte rendu
-- measure positive_percent_agreement denominator en: comparable studies with fracture in the report
-- measure negative_percent_agreement title fr: Accord avec les comptes rendus négatifs
-- measure negative_percent_agreement title en: Agreement with negative reports
-- measure negative_percent_agreement unit: share
-- measure negative_percent_agreement definition fr: Accord négatif en pourcentage : part des examens sans fracture au compte rendu
--    que l'IA ne signale pas.
-- measure negative_percent_agreement definition en: Negative percent agreement: share of studies without fracture in the report that
--    the AI does not flag.
-- measure negative_percent_agreement numerator fr: examens sans fracture au compte rendu et non signalés
-- measure negative_percent_agreement numerator en: studies without fracture in the report and not flagged
-- measure negative_percent_agreement denominator fr: examens comparables sans fracture au compte rendu
-- measure negative_percent_agreement denominator en: comparable studies without fracture in the report
-- measure kappa title fr: Kappa de Cohen
-- measure kappa title en: Cohen's kappa
-- measure kappa unit: kappa
-- measure kappa definition fr: Accord corrigé du hasard (Cohen) ; intervalle à 95 % par l'erreur type asymptotique. Faible quand les
--    positifs sont rares, même si l'accord est grand.
-- measure kappa definition en: Agreement corrected for chance (Cohen); 95 % interval from the asymptotic standard error. Low when
--    positives are rare, even where agreement is high.
-- measure gwet_ac1 title fr: AC1 de Gwet
-- measure gwet_ac1 title en: Gwet's AC1
-- measure gwet_ac1 unit: kappa
-- measure gwet_ac1 definition fr: Accord corrigé du hasard, peu sensible à la rareté des positifs (Gwet 2008).
-- measure gwet_ac1 definition en: Agreement corrected for chance, little affected by the rarity of positives (Gwet 2008).
-- measure ppv title fr: Positifs de l'IA confirmés par le compte rendu
-- measure ppv title en: AI positives confirmed by the report
-- measure ppv unit: share
-- measure ppv definition fr: Part des examens positifs pour l'IA dont le compte rendu conclut à une fracture (valeur prédictive
--    positive par rapport au compte rendu).
-- measure ppv definition en: Share of AI-positive studies of which the report says fracture (positive predictive value relative to
--    the report).
-- measure ppv numerator fr: positifs de l'IA avec fracture au compte rendu
-- measure ppv numerator en: AI positives with fracture in the report
-- measure ppv denominator fr: positifs de l'IA comparables
-- measure ppv denominator en: comparable AI positives
-- measure npv title fr: Négatifs de l'IA confirmés par le compte rendu
-- measure npv title en: AI negatives confirmed by the report
-- measure npv unit: share
-- measure npv definition fr: Part des examens négatifs pour l'IA dont le compte rendu exclut une fracture (valeur prédictive
--    négative par rapport au compte rendu).
-- measure npv definition en: Share of AI-negative studies of which the report says no fracture (negative predictive value relative
--    to the report).
-- measure npv numerator fr: négatifs de l'IA sans fracture au compte rendu
-- measure npv numerator en: AI negatives without fracture in the report
-- measure npv denominator fr: négatifs de l'IA comparables
-- measure npv denominator en: comparable AI negatives
-- measure agreement_by_region title fr: Accord par région
-- measure agreement_by_region title en: Agreement by region
-- measure agreement_by_region unit: share
-- measure agreement_by_region definition fr: Part des examens comparables où l'IA et le compte rendu concluent de
--    même, par région anatomique, aux deux lectures de « douteux ».
-- measure agreement_by_region definition en: Share of comparable studies in which AI and report conclude alike, by
--    body region, for both readings of doubtful.
-- measure agreement_by_region numerator fr: examens concordants
-- measure agreement_by_region numerator en: concordant studies
-- measure agreement_by_region denominator fr: examens comparables
-- measure agreement_by_region denominator en: comparable studies
-- measure positive_percent_agreement_by_region title fr: Accord avec les comptes rendus positifs par région
-- measure positive_percent_agreement_by_region title en: Agreement with positive reports by region
-- measure positive_percent_agreement_by_region unit: share
-- measure positive_percent_agreement_by_region definition fr: Part des examens avec fracture au compte rendu que l'IA
--    signale, par région anatomique, aux deux lectures de « douteux ».
-- measure positive_percent_agreement_by_region definition en: Share of studies with fracture in the report that the
--    AI flags, by body region, for both readings of doubtful.
-- measure positive_percent_agreement_by_region numerator fr: fractures au compte rendu signalées par l'IA
-- measure positive_percent_agreement_by_region numerator en: fractures in the report flagged by the AI
-- measure positive_percent_agreement_by_region denominator fr: examens comparables avec fracture au compte rendu
-- measure positive_percent_agreement_by_region denominator en: comparable studies with fracture in the report
-- measure negative_percent_agreement_by_region title fr: Accord avec les comptes rendus négatifs par région
-- measure negative_percent_agreement_by_region title en: Agreement with negative reports by region
-- measure negative_percent_agreement_by_region unit: share
-- measure negative_percent_agreement_by_region definition fr: Part des examens sans fracture au compte rendu que l'IA
--    ne signale pas, par région anatomique, aux deux lectures de « douteux ».
-- measure negative_percent_agreement_by_region definition en: Share of studies without fracture in the report that
--    the AI does not flag, by body region, for both readings of doubtful.
-- measure negative_percent_agreement_by_region numerator fr: examens sans fracture au compte rendu et non signalés
-- measure negative_percent_agreement_by_region numerator en: studies without fracture in the report and not flagged
-- measure negative_percent_agreement_by_region denominator fr: examens comparables sans fracture au compte rendu
-- measure negative_percent_agreement_by_region denominator en: comparable studies without fracture in the report
-- measure agreement_by_independence title fr: Accord selon l'indépendance du compte rendu
-- measure agreement_by_independence title en: Agreement by independence of the report
-- measure agreement_by_independence unit: share
-- measure agreement_by_independence definition fr: Part des examens comparables où l'IA et le compte rendu concluent
--    de même, selon que le résultat de
--    l'IA a été vu ou non avant la signature : le site le dit, ou le cas a été ouvert avant dans l'application, par qui que
--    ce soit (inconnu : ni l'un ni l'autre).
-- measure agreement_by_independence definition en: Share of comparable studies in which AI and report conclude alike,
--    by whether the AI
--    result was seen before the report was signed: the site says so, or the case was opened in the web application before, by
--    whomever (unknown: neither tells).
-- measure agreement_by_independence numerator fr: examens concordants
-- measure agreement_by_independence numerator en: concordant studies
-- measure agreement_by_independence denominator fr: examens comparables
-- measure agreement_by_independence denominator en: comparable studies
-- measure positive_percent_agreement_by_independence title fr: Accord avec les comptes rendus positifs selon
--    l'indépendance du compte rendu
-- measure positive_percent_agreement_by_independence title en: Agreement with positive reports by independence of the
--    report
-- measure positive_percent_agreement_by_independence unit: share
-- measure positive_percent_agreement_by_independence definition fr: Part des examens avec fracture au compte rendu
--    que l'IA signale, selon que le résultat de
--    l'IA a été vu ou non avant la signature : le site le dit, ou le cas a été ouvert avant dans l'application, par qui que
--    ce soit (inconnu : ni l'un ni l'autre).
-- measure positive_percent_agreement_by_independence definition en: Share of studies with fracture in the report that
--    the AI flags, by whether the AI
--    result was seen before the report was signed: the site says so, or the case was opened in the web application before, by
--    whomever (unknown: neither tells).
-- measure positive_percent_agreement_by_independence numerator fr: fractures au compte rendu signalées par l'IA
-- measure positive_percent_agreement_by_independence numerator en: fractures in the report flagged by the AI
-- measure positive_percent_agreement_by_independence denominator fr: examens comparables avec fracture au compte
--    rendu
-- measure positive_percent_agreement_by_independence denominator en: comparable studies with fracture in the report
-- measure negative_percent_agreement_by_independence title fr: Accord avec les comptes rendus négatifs selon
--    l'indépendance du compte rendu
-- measure negative_percent_agreement_by_independence title en: Agreement with negative reports by independence of the
--    report
-- measure negative_percent_agreement_by_independence unit: share
-- measure negative_percent_agreement_by_independence definition fr: Part des examens sans fracture au compte rendu
--    que l'IA ne signale pas, selon que le résultat de
--    l'IA a été vu ou non avant la signature : le site le dit, ou le cas a été ouvert avant dans l'application, par qui que
--    ce soit (inconnu : ni l'un ni l'autre).
-- measure negative_percent_agreement_by_independence definition en: Share of studies without fracture in the report
--    that the AI does not flag, by whether the AI
--    result was seen before the report was signed: the site says so, or the case was opened in the web application before, by
--    whomever (unknown: neither tells).
-- measure negative_percent_agreement_by_independence numerator fr: examens sans fracture au compte rendu et non
--    signalés
-- measure negative_percent_agreement_by_independence numerator en: studies without fracture in the report and not
--    flagged
-- measure negative_percent_agreement_by_independence denominator fr: examens comparables sans fracture au compte
--    rendu
-- measure negative_percent_agreement_by_independence denominator en: comparable studies without fracture in the
--    report
-- measure agreement_bound title fr: Bornes de l'accord sans hypothèse
-- measure agreement_bound title en: Bounds of the agreement without assumptions
-- measure agreement_bound unit: share
-- measure agreement_bound definition fr: Chaque part si tous les comptes rendus non tranchés (non lus, en file de
--    relecture, incertains, ne se prononçant pas) contredisaient l'IA, et si tous la confirmaient.
-- measure agreement_bound definition en: Each share if all reports that are not decided (not read, queued, uncertain,
--    silent) contradicted the AI, and if all confirmed it.
-- measure agreement_bound numerator fr: numérateur de la part, comptes rendus non tranchés compris
-- measure agreement_bound numerator en: numerator of the share, undecided reports included
-- measure agreement_bound denominator fr: dénominateur de la part, comptes rendus non tranchés compris
-- measure agreement_bound denominator en: denominator of the share, undecided reports included
-- measure agreement_bound exclusions fr: examen non analysé ou analyse échouée ; sans compte rendu définitif ; suivi
--    ou lésion ancienne
-- measure agreement_bound exclusions en: study not analysed or analysis failed; no final report; follow-up or old
--    lesion
with judged as (
    select
        asked.site,
        asked.since,
        study.ai_result as ai,
        coalesce(study.region, 'unknown') as region,
        case
            when study.report_independent then 'independent'
            when not study.report_independent then 'ai_seen'
            else 'unknown'
        end as independence,
        case
            when study.ai_result in ('not_processed', 'failed') then study.ai_result
            when study.report_state = 'withdrawn' then 'withdrawn'
            when study.report_state not in ('final', 'corrected') or study.report_final > asked.cut then 'unreported'
            when study.report_label is null then 'not_read'
            when study.report_tier = 'review' then 'queued'
            when study.report_acuity in ('followup', 'old') then study.report_acuity
            when study.report_label in ('uncertain', 'not_addressed') then study.report_label
        end as reason,
        case when reason is null then study.report_label end as label
    from asked
    join study on study.site = asked.site and study.day >= asked.since and study.day < asked.until
),
counted as (
    select
        site,
        since,
        case when grouping(region) = 0 then 'region' when grouping(independence) = 0 then 'independence' else 'all' end as strata,
        case when grouping(region) = 0 then region when grouping(independence) = 0 then independence end as stratum,
        ai,
        label,
        reason,
        count(*) as numerator
    from judged
    group by grouping sets (
        (site, since, ai, label, reason),
        (site, since, ai, label, reason, region),
        (site, since, ai, label, reason, independence)
    )
)
select
    site,
    since,
    strata,
    stratum,
    ai,
    label,
    reason,
    numerator,
    coalesce(sum(numerator) filter (reason is null) over (partition by site, since, strata, stratum), 0)::bigint as comparable,
    (sum(numerator) over (partition by site, since, strata, stratum))::bigint as denominator
from counted
order by site, since, strata, comparable desc, stratum, reason nulls first, ai, label
