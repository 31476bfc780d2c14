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
--    rendu non lu, incertain, ne se prononçant pas, de suivi ou de lésion ancienne
-- exclusions en: study not analysed or analysis failed; no final report at the data cut, or withdrawn; report not read,
--    uncertain, silent on fracture, a follow-up or an old lesion
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
-- measure positive_agreement title fr: Accord positif
-- measure positive_agreement title en: Positive agreement
-- measure positive_agreement unit: share
-- measure positive_agreement definition fr: Deux fois les examens positifs pour les deux, rapportés à la somme des positifs de
--    chacun (Cicchetti et Feinstein).
-- measure positive_agreement definition en: Twice the studies positive for both, over the sum of each one's positives (Cicchetti
--    and Feinstein).
-- measure positive_agreement numerator fr: deux fois les examens positifs pour les deux
-- measure positive_agreement numerator en: twice the studies positive for both
-- measure positive_agreement denominator fr: positifs de l'IA plus positifs du compte rendu
-- measure positive_agreement denominator en: positives of the AI plus positives of the report
-- measure negative_agreement title fr: Accord négatif
-- measure negative_agreement title en: Negative agreement
-- measure negative_agreement unit: share
-- measure negative_agreement definition fr: Deux fois les examens négatifs pour les deux, rapportés à la somme des négatifs de
--    chacun.
-- measure negative_agreement definition en: Twice the studies negative for both, over the sum of each one's negatives.
-- measure negative_agreement numerator fr: deux fois les examens négatifs pour les deux
-- measure negative_agreement numerator en: twice the studies negative for both
-- measure negative_agreement denominator fr: négatifs de l'IA plus négatifs du compte rendu
-- measure negative_agreement denominator en: negatives of the AI plus negatives of the report
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
-- measure sensitivity_to_report title fr: Fractures du compte rendu vues par l'IA
-- measure sensitivity_to_report title en: Fractures of the report seen by the AI
-- measure sensitivity_to_report unit: share
-- measure sensitivity_to_report definition fr: Part des examens avec fracture au compte rendu que l'IA signale (sensibilité par
--    rapport au compte rendu).
-- measure sensitivity_to_report definition en: Share of studies with fracture in the report that the AI flags (sensitivity relative
--    to the report).
-- measure sensitivity_to_report numerator fr: fractures au compte rendu signalées par l'IA
-- measure sensitivity_to_report numerator en: fractures in the report flagged by the AI
-- measure sensitivity_to_report denominator fr: examens comparables avec fracture au compte rendu
-- measure sensitivity_to_report denominator en: comparable studies with fracture in the report
-- measure specificity_to_report title fr: Comptes rendus sans fracture non signalés par l'IA
-- measure specificity_to_report title en: Reports without fracture not flagged by the AI
-- measure specificity_to_report unit: share
-- measure specificity_to_report definition fr: Part des examens sans fracture au compte rendu que l'IA ne signale pas (spécificité
--    par rapport au compte rendu).
-- measure specificity_to_report definition en: Share of studies without fracture in the report that the AI does not flag
--    (specificity relative to the report).
-- measure specificity_to_report numerator fr: examens sans fracture au compte rendu et non signalés
-- measure specificity_to_report numerator en: studies without fracture in the report and not flagged
-- measure specificity_to_report denominator fr: examens comparables sans fracture au compte rendu
-- measure specificity_to_report denominator en: comparable studies without fracture in the report
with judged as (
    select
        ai_result,
        report_label,
        case
            when ai_result in ('not_processed', 'failed') then ai_result
            when report_state = 'withdrawn' then 'withdrawn'
            when report_state not in ('final', 'corrected') or report_final > $cut then 'unreported'
            when report_label is null then 'not_read'
            when report_acuity in ('followup', 'old') then report_acuity
            when report_label in ('uncertain', 'not_addressed') then report_label
        end as reason
    from study
    where site = $site and day >= $start and day < $end
)
select
    case when reason is null then ai_result end as ai,
    case when reason is null then report_label end as label,
    reason,
    count(*) as numerator,
    (select count(*) filter (reason is null) from judged) as comparable,
    (select count(*) from judged) as denominator
from judged
group by ai, label, reason
order by reason nulls first, ai, label
