-- A person's correction of a report's label, copied from app.sqlite, and the label that counts.

create table report_correction (
    site varchar not null,
    message_id varchar not null,
    place integer not null,
    author varchar not null,
    label varchar not null check (label in ('present', 'absent', 'uncertain', 'not_addressed')),
    acuity varchar not null check (acuity in ('acute', 'old', 'followup', 'none')),
    corrected_at timestamptz not null,
    key_id varchar not null,
    primary key (site, message_id, place)
);
comment on table report_correction is 'What persons set right in the labels of reports; the last of a report counts, history is kept.';
comment on column report_correction.site is 'The site.';
comment on column report_correction.message_id is 'The report event.';
comment on column report_correction.place is 'In the order in which the corrections of one report were given, from 1.';
comment on column report_correction.author is 'Pseudonym of who corrected.';
comment on column report_correction.label is 'Acute fracture, to the person: present, absent, uncertain or not_addressed.';
comment on column report_correction.acuity is 'acute, old, followup or none, to the person.';
comment on column report_correction.corrected_at is 'When, UTC.';
comment on column report_correction.key_id is 'Which pseudonym key made the identifiers of this row.';

create view standing_label as
with last as (
    select site, message_id, label, acuity
    from report_correction
    qualify row_number() over (partition by site, message_id order by place desc) = 1
)

select
    report_label.site,
    report_label.message_id,
    coalesce(last.label, report_label.label) as label,
    coalesce(last.acuity, report_label.acuity) as acuity,
    case when last.label is null then report_label.tier else 'decided' end as tier,
    report_label.evidence,
    report_label.rules,
    report_label.pack,
    last.label is not null as corrected
from report_label
left join last on last.site = report_label.site and last.message_id = report_label.message_id;
comment on view standing_label is 'The label that counts of each report event: a person''s last correction, else the labeller''s.';
comment on column standing_label.site is 'The site.';
comment on column standing_label.message_id is 'The report event.';
comment on column standing_label.label is 'present, absent, uncertain or not_addressed.';
comment on column standing_label.acuity is 'acute, old, followup or none.';
comment on column standing_label.tier is 'decided (also whatever a person corrected), or review when a person should read it.';
comment on column standing_label.evidence is 'The sentence that decided the labeller, after redaction.';
comment on column standing_label.rules is 'Identifiers of the rules that decided the labeller.';
comment on column standing_label.pack is 'Language pack of the labeller and its version hash.';
comment on column standing_label.corrected is 'Whether a person corrected the label.';
