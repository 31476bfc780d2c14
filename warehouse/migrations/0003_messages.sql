-- Messages beyond the report itself: orders, merged patients, oppositions, whether the AI result was known to the
-- author, control ids used twice, and what each issue of a month showed, so that later changes can be told.

alter table report_event add column sent_at timestamptz;
comment on column report_event.sent_at is 'When the message was sent (MSH-7), UTC; null when unknown. Decides which of two messages under one control id stands.';
alter table report_event add column ai_seen boolean;
comment on column report_event.ai_seen is 'Whether the author had seen the AI result before signing; null where the site cannot tell.';
comment on column report_event.control_id is 'Pseudonym of the sender (MSH-3, MSH-4) and MSH-10: one message of a sender''s day.';
alter table study add column report_independent boolean;
comment on column study.report_independent is 'Whether the author of the report that stands had not seen the AI result; null when unknown or without a report that stands.';
alter table ledger add column before_opposition varchar;
comment on column ledger.before_opposition is 'Outcome of the offer but for the patient''s opposition; null where there is none.';

create table order_event (
    site varchar not null,
    message_id varchar not null,
    offer_id varchar,
    control_id varchar,
    patient_id varchar not null,
    study_uid varchar,
    accession_number varchar,
    ordered_at timestamptz,
    received_at timestamptz not null,
    key_id varchar not null,
    primary key (site, message_id)
);
comment on table order_event is 'One order of an examination, as one message told it (HL7 v2 ORM^O01, OMI^O23, OMG^O19).';
comment on column order_event.site is 'The site.';
comment on column order_event.message_id is 'Pseudonym of the message''s content and of the order''s place in it.';
comment on column order_event.offer_id is 'The offer that brought it.';
comment on column order_event.control_id is 'Pseudonym of the sender and MSH-10.';
comment on column order_event.patient_id is 'Pseudonym of the patient identifier (PID-3).';
comment on column order_event.study_uid is 'Pseudonym of the Study Instance UID where the message gives one.';
comment on column order_event.accession_number is 'Pseudonym of the accession number, looked for as in a report.';
comment on column order_event.ordered_at is 'When the examination was ordered, UTC; null where the message tells another transaction''s time.';
comment on column order_event.received_at is 'Our own clock when the message was stable.';
comment on column order_event.key_id is 'Which pseudonym key made the identifiers of this row.';

create table patient_merge (
    site varchar not null,
    message_id varchar not null,
    offer_id varchar,
    control_id varchar,
    patient_id varchar not null,
    merged_id varchar not null,
    received_at timestamptz not null,
    key_id varchar not null,
    primary key (site, message_id)
);
comment on table patient_merge is 'Two identifiers of one patient, as one message told it (HL7 v2 ADT^A40 and its like).';
comment on column patient_merge.site is 'The site.';
comment on column patient_merge.message_id is 'Pseudonym of the message''s content and of the pair''s place in it.';
comment on column patient_merge.offer_id is 'The offer that brought it.';
comment on column patient_merge.control_id is 'Pseudonym of the sender and MSH-10.';
comment on column patient_merge.patient_id is 'Pseudonym of the identifier that stays (PID-3).';
comment on column patient_merge.merged_id is 'Pseudonym of the identifier that goes (MRG-1), made as one of a patient.';
comment on column patient_merge.received_at is 'Our own clock when the message was stable.';
comment on column patient_merge.key_id is 'Which pseudonym key made the identifiers of this row.';

create table person (
    site varchar not null,
    patient_id varchar not null,
    person_id varchar not null,
    primary key (site, patient_id)
);
comment on table person is 'The identifiers that belong to one patient: made anew from all of patient_merge, whatever the order in which they came.';
comment on column person.site is 'The site.';
comment on column person.patient_id is 'Pseudonym of an identifier that was merged, or merged into.';
comment on column person.person_id is 'The same for all identifiers of one patient: the least of their pseudonyms.';

create table opposition (
    site varchar not null,
    patient_id varchar not null,
    decided_at timestamptz not null,
    opposed boolean not null,
    received_at timestamptz not null,
    key_id varchar not null,
    primary key (site, patient_id, decided_at, opposed)
);
comment on table opposition is 'A patient''s objection to the analysis, or its end; the last decision counts, history is kept.';
comment on column opposition.site is 'The site.';
comment on column opposition.patient_id is 'Pseudonym of the patient identifier.';
comment on column opposition.decided_at is 'When the patient decided, UTC.';
comment on column opposition.opposed is 'True: the patient objects; false: no longer.';
comment on column opposition.received_at is 'Our own clock when it was noted.';
comment on column opposition.key_id is 'Which pseudonym key made the identifiers of this row.';

create table issued_figure (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    figure varchar not null,
    numerator double,
    denominator double,
    primary key (site, month, issue, figure)
);
comment on table issued_figure is 'The key figures of each issue of a month, to tell later what changed since.';
comment on column issued_figure.site is 'The site.';
comment on column issued_figure.month is 'Month, YYYY-MM.';
comment on column issued_figure.issue is 'The issue.';
comment on column issued_figure.figure is 'Name of the figure.';
comment on column issued_figure.numerator is 'Its numerator, or its value where it has no denominator.';
comment on column issued_figure.denominator is 'Its denominator; null where it has none.';

create table issued_study (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    study_uid varchar not null,
    ai_result varchar not null,
    report_state varchar not null,
    report_label varchar,
    report_acuity varchar,
    verdict varchar,
    primary key (site, month, issue, study_uid)
);
comment on table issued_study is 'The month''s studies as an issue counted them, to tell later why its figures changed.';
comment on column issued_study.site is 'The site.';
comment on column issued_study.month is 'Month, YYYY-MM.';
comment on column issued_study.issue is 'The issue.';
comment on column issued_study.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column issued_study.ai_result is 'AI result then.';
comment on column issued_study.report_state is 'State of the report then, by the issue''s data cut.';
comment on column issued_study.report_label is 'Label of the report then.';
comment on column issued_study.report_acuity is 'Acuity of the report then.';
comment on column issued_study.verdict is 'Verdict then.';

create table addendum (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    changed_month varchar not null,
    figure varchar not null,
    old_numerator double,
    old_denominator double,
    new_numerator double,
    new_denominator double,
    primary key (site, month, issue, changed_month, figure)
);
comment on table addendum is 'Figures of months published earlier that changed since, as told with an issue.';
comment on column addendum.site is 'The site.';
comment on column addendum.month is 'Month of the report that tells it, YYYY-MM.';
comment on column addendum.issue is 'Issue of the report that tells it.';
comment on column addendum.changed_month is 'The earlier month whose figure changed.';
comment on column addendum.figure is 'Name of the figure.';
comment on column addendum.old_numerator is 'Numerator last told, or value of a figure without denominator.';
comment on column addendum.old_denominator is 'Denominator last told; null where it has none.';
comment on column addendum.new_numerator is 'Numerator now.';
comment on column addendum.new_denominator is 'Denominator now.';

create table addendum_reason (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    changed_month varchar not null,
    reason varchar not null,
    studies integer not null,
    primary key (site, month, issue, changed_month, reason)
);
comment on table addendum_reason is 'Why figures of an earlier month changed: studies by reason, against what its last issue counted.';
comment on column addendum_reason.site is 'The site.';
comment on column addendum_reason.month is 'Month of the report that tells it, YYYY-MM.';
comment on column addendum_reason.issue is 'Issue of the report that tells it.';
comment on column addendum_reason.changed_month is 'The earlier month.';
comment on column addendum_reason.reason is 'late_study, removed, late_report, corrected, withdrawn, relabelled, ai_result or verdict; a study counts at its first.';
comment on column addendum_reason.studies is 'Studies.';

-- One control id names one message of a sender's day. Of several contents under one the first sent stands, whichever
-- arrived first; a tie is decided by content.
create view report_conflict as
with told as (
    select
        site,
        control_id,
        coalesce(timezone('UTC', sent_at)::date, date '0001-01-01') as sent_on,
        coalesce(offer_id, message_id) as message,
        min(sent_at) as sent_at,
        min(message_id) as first,
        list(message_id) as reports
    from report_event
    where control_id is not null
    group by all
),

placed as (
    select
        site,
        reports,
        row_number() over (partition by site, control_id, sent_on order by sent_at nulls first, first) as place
    from told
)

select site, unnest(reports) as message_id
from placed
where place > 1;
comment on view report_conflict is 'Reports that do not count: another content under the same control id was sent before.';
comment on column report_conflict.site is 'The site.';
comment on column report_conflict.message_id is 'The report event.';

create or replace view report_match as
with told as (
    select site, message_id, patient_id, study_uid, accession_number
    from report_event
    where not exists (
        select 1
        from report_conflict
        where report_conflict.site = report_event.site and report_conflict.message_id = report_event.message_id
    )
    union all
    select site, message_id, patient_id, study_uid, accession_number
    from order_event
),

event as (
    select told.*, coalesce(person.person_id, told.patient_id) as patient
    from told
    left join person using (site, patient_id)
),

known as (
    select
        site,
        study_uid,
        list(distinct coalesce(person.person_id, patient_id)) filter (patient_id is not null) as patients
    from instance
    left join person using (site, patient_id)
    group by all
),

carried as (
    select distinct site, accession_number, study_uid
    from instance
    where accession_number is not null
),

candidate as (
    select event.site, event.message_id, event.patient, known.study_uid, known.patients
    from event
    inner join known using (site, study_uid)
    union all
    select event.site, event.message_id, event.patient, known.study_uid, known.patients
    from event
    inner join carried using (site, accession_number)
    inner join known on known.site = carried.site and known.study_uid = carried.study_uid
    where not exists (
        select 1 from known as named where named.site = event.site and named.study_uid = event.study_uid
    )
),

shared as (
    select site, message_id, len(list_distinct(flatten(list(patients)))) as persons
    from candidate
    group by all
)

select
    candidate.site,
    candidate.message_id,
    candidate.study_uid,
    case
        when candidate.patient is null then shared.persons <= 1
        else coalesce(len(candidate.patients), 0) = 0 or list_contains(candidate.patients, candidate.patient)
    end as agrees
from candidate
inner join shared using (site, message_id);
comment on view report_match is 'The studies that each report or order speaks of: by study_uid, else by accession_number (all studies that carry it). Merged identifiers are one patient.';
comment on column report_match.site is 'The site.';
comment on column report_match.message_id is 'The report event or the order.';
comment on column report_match.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column report_match.agrees is 'Whether the patient is the study''s: false when both are known and differ, or when the report names none and the accession number is shared by several patients.';

create view opposed_patient as
with decided as (
    select
        opposition.site,
        coalesce(person.person_id, opposition.patient_id) as person_id,
        arg_max(opposition.opposed, struct_pack(t := opposition.decided_at, o := opposition.opposed)) as opposed
    from opposition
    left join person using (site, patient_id)
    group by all
)

select site, person_id as patient_id
from decided
where opposed
union
select person.site, person.patient_id
from person
inner join decided using (site, person_id)
where decided.opposed;
comment on view opposed_patient is 'Every identifier of the patients who object now.';
comment on column opposed_patient.site is 'The site.';
comment on column opposed_patient.patient_id is 'Pseudonym of a patient identifier.';

create view opposed_study as
select distinct instance.site, instance.study_uid
from instance
inner join opposed_patient using (site, patient_id)
union
-- Images without a patient are the patient's of the report.
select report_match.site, report_match.study_uid
from report_match
inner join report_event using (site, message_id)
inner join opposed_patient on report_event.site = opposed_patient.site and report_event.patient_id = opposed_patient.patient_id
where report_match.agrees;
comment on view opposed_study is 'Studies of patients who object now: neither inferred nor reported.';
comment on column opposed_study.site is 'The site.';
comment on column opposed_study.study_uid is 'Pseudonym of the Study Instance UID.';
