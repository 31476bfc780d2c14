-- Reports that stand for a study of $site and that the labeller leaves to a person; those corrected are no longer here.
select
    study.report_message_id as message_id,
    study.study_uid,
    study.day,
    standing_label.label,
    standing_label.rules,
    standing_label.evidence
from study
join standing_label
    on standing_label.site = study.site
    and standing_label.message_id = study.report_message_id
    and standing_label.tier = 'review'
where study.site = $site and study.report_state in ('final', 'corrected')
order by study.day, study.study_uid;
