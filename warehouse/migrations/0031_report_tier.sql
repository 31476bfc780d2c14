-- Whether a person has still to read the standing report, beside its label: what compares AI and report then reads one table.

alter table study add column report_tier varchar;
comment on column study.report_tier is 'Of report_label: decided, or review when a person should read the report; null without a label.';
update study
set report_tier = standing_label.tier
from standing_label
where standing_label.site = study.site and standing_label.message_id = study.report_message_id;
