-- figure: labeller_audit
-- title fr: Comptes rendus relus à l'aveugle
-- title en: Reports read blind
-- definition fr: Comptes rendus tirés au sort dans chaque case IA × lecture, relus par une personne qui ne connaît ni
--    l'une ni l'autre, sur douze mois jusqu'à l'arrêt des données ; la dernière lecture compte.
-- definition en: Reports drawn at random in each cell of AI x label and read by a person who knows neither, over
--    twelve months up to the data cut; the last reading counts.
-- numerator fr: comptes rendus relus qui tranchent
-- numerator en: reports read that say one or the other
-- denominator fr: comptes rendus tirés au sort de la case
-- denominator en: reports drawn in the cell
-- exclusions fr: compte rendu non encore relu ; jugé incertain, muet, de suivi ou ancien par le relecteur ; compte
--    rendu ou lecture modifié depuis le tirage
-- exclusions en: report not read yet; uncertain, silent, follow-up or old to the reader; report or label changed
--    since the draw
-- unit: studies
-- source: audit_sample, report_reading, study
-- measure labeller_audit_excluded title fr: Comptes rendus tirés au sort et non comptés
-- measure labeller_audit_excluded title en: Reports drawn and not counted
-- measure labeller_audit_excluded definition fr: Comptes rendus du tirage qui ne comptent pas, par motif.
-- measure labeller_audit_excluded definition en: Reports of the sample that do not count, by reason.
-- measure labeller_audit_excluded numerator fr: comptes rendus écartés pour ce motif
-- measure labeller_audit_excluded numerator en: reports left out for this reason
-- measure labeller_audit_excluded denominator fr: comptes rendus tirés au sort
-- measure labeller_audit_excluded denominator en: reports drawn
-- measure labeller_audit_excluded exclusions fr: aucune
-- measure labeller_audit_excluded exclusions en: none
-- measure labeller_predictive_value title fr: Valeurs prédictives de la lecture automatique
-- measure labeller_predictive_value title en: Predictive values of the labeller
-- measure labeller_predictive_value unit: share
-- measure labeller_predictive_value definition fr: Part des comptes rendus lus « fracture » (« pas de fracture ») qui
--    le disent vraiment, chaque case pondérée par ses examens ; intervalle par bootstrap paramétrique.
-- measure labeller_predictive_value definition en: Share of reports labelled fracture (no fracture) that truly say
--    so, each cell weighted by its studies; interval by parametric bootstrap.
-- measure labeller_predictive_value denominator fr: comptes rendus relus de cette lecture
-- measure labeller_predictive_value denominator en: reports read of this label
-- measure labeller_recognition title fr: Comptes rendus reconnus par la lecture automatique
-- measure labeller_recognition title en: Reports recognised by the labeller
-- measure labeller_recognition unit: share
-- measure labeller_recognition definition fr: Part des comptes rendus qui disent une fracture (aucune fracture) et
--    sont lus comme tels, chaque case pondérée par ses examens ; intervalle par bootstrap paramétrique.
-- measure labeller_recognition definition en: Share of reports that say fracture (none) and are labelled so, each
--    cell weighted by its studies; interval by parametric bootstrap.
-- measure labeller_recognition denominator fr: comptes rendus relus qui le disent
-- measure labeller_recognition denominator en: reports read that say so
-- measure labeller_cost title fr: Ce que coûte l'erreur de lecture
-- measure labeller_cost title en: What the labeller's error costs
-- measure labeller_cost unit: share
-- measure labeller_cost definition fr: Baisse de l'accord avec les comptes rendus positifs qu'entraînerait, sur le
--    tableau du mois pris pour vrai, une lecture qui reconnaît 95 % des comptes rendus avec fracture et 98 % des
--    autres, ou celle mesurée ici.
-- measure labeller_cost definition en: Fall of the agreement with positive reports that a labeller recognising 95 %
--    of the reports with fracture and 98 % of the others, or the one measured here, would cause on the month's table
--    taken for the truth.
-- measure labeller_cost numerator fr: points d'accord
-- measure labeller_cost numerator en: points of agreement
-- measure labeller_cost denominator fr: examens comparables
-- measure labeller_cost denominator en: comparable studies
-- measure corrected_agreement title fr: Accord corrigé de l'erreur de lecture
-- measure corrected_agreement title en: Agreement corrected for the labeller's error
-- measure corrected_agreement unit: share
-- measure corrected_agreement definition fr: Chaque part, l'erreur de lecture mesurée ici étant retirée (Rogan et
--    Gladen, par résultat de l'IA) ; intervalle par bootstrap paramétrique. Non donnée sous 100 comptes rendus relus
--    par lecture, ou si la correction est instable.
-- measure corrected_agreement definition en: Each share with the labeller's error measured here taken out (Rogan and
--    Gladen, by AI result); interval by parametric bootstrap. Withheld below 100 reports read of each label, or where
--    the correction is unstable.
-- measure corrected_agreement denominator fr: examens comparables
-- measure corrected_agreement denominator en: comparable studies
-- measure corrected_coefficient title fr: Kappa et AC1 corrigés de l'erreur de lecture
-- measure corrected_coefficient title en: Kappa and AC1 corrected for the labeller's error
-- measure corrected_coefficient unit: kappa
-- measure corrected_coefficient definition fr: Kappa de Cohen et AC1 de Gwet du tableau corrigé, comme pour l'accord
--    corrigé.
-- measure corrected_coefficient definition en: Cohen's kappa and Gwet's AC1 of the corrected table, as for the
--    corrected agreement.
-- measure corrected_coefficient denominator fr: examens comparables
-- measure corrected_coefficient denominator en: comparable studies
with reading as (
    select
        asked.site,
        asked.since,
        study_uid,
        message_id,
        arg_max(struct_pack(label := label, acuity := acuity), struct_pack(t := read_at, a := author)) as last
    from asked
    join report_reading on report_reading.site = asked.site and report_reading.read_at <= asked.cut
    group by asked.site, asked.since, study_uid, message_id
),
sample as (
    select asked.site, asked.since, audit_sample.* exclude (site)
    from asked
    join audit_sample on audit_sample.site = asked.site
        and audit_sample.drawn_at <= asked.cut
        and audit_sample.month >= strftime(asked.since - interval 11 month, '%Y-%m')
        and audit_sample.month < strftime(asked.until, '%Y-%m')
),
drawn as (
    -- Each report read stands for as many studies of its cell and month as there were for one that was read.
    select
        sample.site,
        sample.since,
        sample.study_uid,
        sample.message_id,
        reading.last,
        sample.population::double / count(reading.last) over (
            partition by sample.site, sample.since, sample.month, sample.cell_ai, sample.cell_label
        ) as weight
    from sample
    left join reading using (site, since, study_uid, message_id)
),
judged as (
    -- By the AI result and the label of now: a pack that reads better is judged by the same readings.
    select
        drawn.site,
        drawn.since,
        study.ai_result as ai,
        study.report_label as label,
        drawn.weight,
        case
            when study.study_uid is null then 'changed'
            when drawn.last is null then 'not_read'
            when drawn.last.label = 'present' and drawn.last.acuity not in ('followup', 'old') then 'present'
            when drawn.last.label = 'absent' and drawn.last.acuity <> 'old' then 'absent'
            else 'undecided'
        end as said
    from drawn
    left join study on study.site = drawn.site
        and study.study_uid = drawn.study_uid
        and study.report_message_id = drawn.message_id
        and study.ai_result in ('positive', 'doubtful', 'negative')
        and study.report_label in ('present', 'absent')
        and coalesce(study.report_acuity, 'none') not in ('followup', 'old')
        and coalesce(study.report_tier, 'decided') <> 'review'
),
totals as (
    select site, since, count(*) filter (said = 'changed') as changed, count(*) as drawn
    from judged
    group by site, since
),
cell as (
    select site, since, ai, label
    from asked, (select unnest(['positive', 'doubtful', 'negative']) as ai), (select unnest(['present', 'absent']) as label)
)
select
    site,
    since,
    ai,
    label,
    count(*) filter (said in ('present', 'absent')) as numerator,
    count(said) as denominator,
    {
        'not_read': count(*) filter (said = 'not_read'),
        'undecided': count(*) filter (said = 'undecided')
    } as excluded,
    coalesce(any_value(totals.changed), 0) as changed,
    coalesce(any_value(totals.drawn), 0) as drawn,
    count(*) filter (said = 'present') as present,
    count(*) filter (said = 'absent') as absent,
    coalesce(sum(weight) filter (said = 'present'), 0) as weight_present,
    coalesce(sum(weight) filter (said = 'absent'), 0) as weight_absent,
    coalesce(sum(weight * weight) filter (said in ('present', 'absent')), 0) as weight_squares
from cell
left join totals using (site, since)
left join judged using (site, since, ai, label)
group by site, since, ai, label
order by site, since, list_position(['positive', 'doubtful', 'negative'], ai), label desc
