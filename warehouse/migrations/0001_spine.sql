-- The spine: sites, nights, what was offered, images, findings, report events, labels, studies.
-- Identifiers in every table are HMAC-SHA-256 pseudonyms (hex, first 32 digits) under the key `key_id`.
-- All times are UTC. `day` is the local date of the examination in the site's time zone.

create table site (
    site varchar not null,
    valid_from date not null,
    name varchar not null,
    country varchar not null,
    language varchar not null,
    time_zone varchar not null,
    sector varchar not null,
    opening_start varchar not null,
    opening_end varchar not null,
    opening_weekdays integer[] not null,
    turnaround_target_hours double not null,
    small_cell integer not null,
    threshold_doubtful double,
    threshold_positive double,
    primary key (site, valid_from)
);
comment on table site is 'What readers need to know of a site, with the day from which each version is valid.';
comment on column site.site is 'Short name of the site: the name of its file in sites/.';
comment on column site.valid_from is 'First local day on which this version applies.';
comment on column site.name is 'Name printed on lists and reports.';
comment on column site.country is 'ISO 3166-1 alpha-2 code; selects the public holidays.';
comment on column site.language is 'Language of lists and reports: fr or en.';
comment on column site.time_zone is 'IANA time zone of the site.';
comment on column site.sector is 'public or private.';
comment on column site.opening_start is 'Opening time of the department, local, HH:MM.';
comment on column site.opening_end is 'Closing time of the department, local, HH:MM.';
comment on column site.opening_weekdays is 'ISO weekdays (1 = Monday) on which the department is open.';
comment on column site.turnaround_target_hours is 'The site''s own target from end of examination to first final report, hours.';
comment on column site.small_cell is 'Counts from 1 to this value minus one are suppressed in the site''s report; 1 suppresses none.';
comment on column site.threshold_doubtful is 'Score from which a study is doubtful; null takes the model''s own.';
comment on column site.threshold_positive is 'Score from which a study is positive; null takes the model''s own.';

create table model (
    model_sha256 varchar primary key,
    model_name varchar not null,
    model_version varchar not null,
    threshold_doubtful double not null,
    threshold_positive double not null,
    first_used timestamptz not null
);
comment on table model is 'Every model bundle ever used, by the hash of its weights.';
comment on column model.model_sha256 is 'SHA-256 of the weights file.';
comment on column model.model_name is 'Name in model.json.';
comment on column model.model_version is 'Version in model.json.';
comment on column model.threshold_doubtful is 'Operating point of the bundle: score from which a study is doubtful.';
comment on column model.threshold_positive is 'Operating point of the bundle: score from which a study is positive.';
comment on column model.first_used is 'When a night first used it.';

create table night (
    site varchar not null,
    day date not null,
    started_at timestamptz not null,
    completed_at timestamptz,
    status varchar not null check (status in ('running', 'complete', 'late', 'failed')),
    error varchar,
    primary key (site, day)
);
comment on table night is 'One row for each site and night; the last run of a night wins.';
comment on column night.site is 'The site.';
comment on column night.day is 'Local date whose studies the night is about.';
comment on column night.started_at is 'Start of the last run.';
comment on column night.completed_at is 'End of the last complete run; null while running or after a failure.';
comment on column night.status is 'running, complete, late (complete, but after the site''s list time) or failed.';
comment on column night.error is 'Code of the failure, never a message with data.';

create table ledger (
    site varchar not null,
    offer_id varchar not null,
    kind varchar not null check (kind in ('dicom', 'message')),
    source varchar not null,
    night date not null,
    received_at timestamptz not null,
    place_id varchar not null,
    stamp varchar not null,
    content_id varchar not null,
    outcome varchar not null check (outcome in ('accepted', 'accepted_flagged', 'accepted_not_inferred', 'quarantined', 'duplicate', 'conflict', 'unmatched', 'not_dicom', 'not_hl7')),
    reasons varchar[] not null,
    study_uid varchar,
    instance_uid varchar,
    message_id varchar,
    key_id varchar not null,
    primary key (site, offer_id)
);
comment on table ledger is 'One row for each file or message offered, with exactly one outcome: the sum of outcomes equals what was offered.';
comment on column ledger.site is 'The site.';
comment on column ledger.offer_id is 'Pseudonym of source, place and content (and position in a batch): the same delivery seen again is the same offer.';
comment on column ledger.kind is 'dicom (a file) or message (HL7 v2).';
comment on column ledger.source is 'Name of the source in the site''s file.';
comment on column ledger.night is 'Night that took it.';
comment on column ledger.received_at is 'Our own clock when the file was stable.';
comment on column ledger.place_id is 'Pseudonym of the source and the file''s path in it: lets the next night skip what it has taken.';
comment on column ledger.stamp is 'Size and modification time of the file when it was taken.';
comment on column ledger.content_id is 'Pseudonym of the content (SHA-256 of the bytes, then HMAC).';
comment on column ledger.outcome is 'One of the nine outcomes.';
comment on column ledger.reasons is 'Reason codes, the deciding one first.';
comment on column ledger.study_uid is 'Pseudonym of the Study Instance UID, where known.';
comment on column ledger.instance_uid is 'Pseudonym of the SOP Instance UID, where known.';
comment on column ledger.message_id is 'Pseudonym of the message, where it is one.';
comment on column ledger.key_id is 'Which pseudonym key made the identifiers of this row.';

create table instance (
    site varchar not null,
    day date,
    patient_id varchar,
    study_uid varchar not null,
    series_uid varchar not null,
    instance_uid varchar not null,
    accession_number varchar,
    sop_class_uid varchar not null,
    modality varchar not null,
    region varchar,
    laterality varchar,
    view varchar,
    device varchar,
    sex varchar,
    age_band varchar,
    rows integer,
    columns integer,
    bits_stored integer,
    photometric varchar,
    transfer_syntax_uid varchar not null,
    acquired_at timestamptz,
    acquired_from varchar,
    study_at timestamptz,
    received_at timestamptz not null,
    in_scope boolean not null,
    flags varchar[] not null,
    key_id varchar not null,
    primary key (site, instance_uid)
);
comment on table instance is 'One accepted DICOM image.';
comment on column instance.site is 'The site.';
comment on column instance.day is 'Local date of acquired_at, else of study_at, else of received_at.';
comment on column instance.patient_id is 'Pseudonym of PatientID (with its issuer); null when the image has none.';
comment on column instance.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column instance.series_uid is 'Pseudonym of the Series Instance UID.';
comment on column instance.instance_uid is 'Pseudonym of the SOP Instance UID.';
comment on column instance.accession_number is 'Pseudonym of the Accession Number.';
comment on column instance.sop_class_uid is 'SOP Class UID (kind of object).';
comment on column instance.modality is 'Modality (0008,0060).';
comment on column instance.region is 'Body region (DICOM PS3.16 Annex L, reduced to the names in docs).';
comment on column instance.laterality is 'L, R, B or null.';
comment on column instance.view is 'View position (AP, LL, ...), null when not given.';
comment on column instance.device is 'Pseudonym of the device serial number or station name.';
comment on column instance.sex is 'F, M, O or null.';
comment on column instance.age_band is 'Age at the examination in bands: 0-4, 5-14, 15-24, 25-44, 45-64, 65-79, 80+.';
comment on column instance.rows is 'Rows of the stored image.';
comment on column instance.columns is 'Columns of the stored image.';
comment on column instance.bits_stored is 'Bits stored for each pixel.';
comment on column instance.photometric is 'Photometric interpretation.';
comment on column instance.transfer_syntax_uid is 'Transfer syntax as received.';
comment on column instance.acquired_at is 'Acquisition time, UTC; null when unknown.';
comment on column instance.acquired_from is 'Attribute that gave acquired_at.';
comment on column instance.study_at is 'StudyDate and StudyTime, UTC; null when unknown.';
comment on column instance.received_at is 'Our own clock when the file was stable.';
comment on column instance.in_scope is 'Whether the image is in scope of inference.';
comment on column instance.flags is 'Reason codes of accepted_flagged.';
comment on column instance.key_id is 'Which pseudonym key made the identifiers of this row.';

create table finding (
    site varchar not null,
    study_uid varchar not null,
    instance_uid varchar not null,
    code varchar not null,
    status varchar not null check (status in ('ok', 'failed')),
    score double check (score between 0 and 1),
    boxes struct(x0 double, y0 double, x1 double, y1 double, score double)[] not null,
    reason varchar,
    model_name varchar not null,
    model_version varchar not null,
    model_sha256 varchar not null,
    ai_completed timestamptz not null,
    key_id varchar not null,
    primary key (site, instance_uid, code, model_sha256)
);
comment on table finding is 'What one model says of one image, or why it says nothing.';
comment on column finding.site is 'The site.';
comment on column finding.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column finding.instance_uid is 'Pseudonym of the SOP Instance UID.';
comment on column finding.code is 'What is looked for: fracture.';
comment on column finding.status is 'ok or failed.';
comment on column finding.score is 'Calibrated score, 0 to 1; null when failed.';
comment on column finding.boxes is 'Where, in pixel coordinates of the stored image.';
comment on column finding.reason is 'Reason code when failed.';
comment on column finding.model_name is 'Name of the model bundle.';
comment on column finding.model_version is 'Version of the model bundle.';
comment on column finding.model_sha256 is 'SHA-256 of the model''s weights.';
comment on column finding.ai_completed is 'Our own clock when the finding was made.';
comment on column finding.key_id is 'Which pseudonym key made the identifiers of this row.';

create table report_event (
    site varchar not null,
    message_id varchar not null,
    offer_id varchar,
    control_id varchar,
    patient_id varchar,
    study_uid varchar,
    accession_number varchar,
    status varchar not null check (status in ('preliminary', 'final', 'corrected', 'withdrawn')),
    event_at timestamptz,
    ordered_at timestamptz,
    exam_at timestamptz,
    received_at timestamptz not null,
    patient_class varchar,
    flags varchar[] not null,
    key_id varchar not null,
    primary key (site, message_id)
);
comment on table report_event is 'One state of one radiologist''s report, as one message told it; history is kept.';
comment on column report_event.site is 'The site.';
comment on column report_event.message_id is 'Pseudonym of the message''s content and of the report''s place in it.';
comment on column report_event.offer_id is 'The offer that brought it: a message may bring several reports; null where its message_id is the one in the ledger.';
comment on column report_event.control_id is 'Pseudonym of MSH-10.';
comment on column report_event.patient_id is 'Pseudonym of the patient identifier (PID-3).';
comment on column report_event.study_uid is 'Pseudonym of the Study Instance UID where the message gives one.';
comment on column report_event.accession_number is 'Pseudonym of the accession number (OBR-18, OBR-3 or as mapped).';
comment on column report_event.status is 'preliminary, final, corrected or withdrawn (OBR-25).';
comment on column report_event.event_at is 'When the state was reached (OBR-22), UTC.';
comment on column report_event.ordered_at is 'ORC-9, UTC, where given.';
comment on column report_event.exam_at is 'OBR-7 or OBR-8, UTC, where given.';
comment on column report_event.received_at is 'Our own clock when the message was stable.';
comment on column report_event.patient_class is 'PV1-2: E emergency, I inpatient, O outpatient, other codes as sent, null when not given.';
comment on column report_event.flags is 'Reason codes of accepted_flagged.';
comment on column report_event.key_id is 'Which pseudonym key made the identifiers of this row.';

create table report_label (
    site varchar not null,
    message_id varchar not null,
    label varchar not null check (label in ('present', 'absent', 'uncertain', 'not_addressed')),
    acuity varchar not null check (acuity in ('acute', 'old', 'followup', 'none')),
    tier varchar not null,
    language varchar not null,
    evidence varchar,
    rules varchar[] not null,
    pack varchar not null,
    primary key (site, message_id)
);
comment on table report_label is 'What the labeller reads in one report event.';
comment on column report_label.site is 'The site.';
comment on column report_label.message_id is 'The report event.';
comment on column report_label.label is 'Acute fracture: present, absent, uncertain or not_addressed.';
comment on column report_label.acuity is 'acute, old, followup or none.';
comment on column report_label.tier is 'decided, or review when a person should read it.';
comment on column report_label.language is 'Language read.';
comment on column report_label.evidence is 'The deciding sentence after redaction; null where the site keeps none.';
comment on column report_label.rules is 'Identifiers of the rules that decided.';
comment on column report_label.pack is 'Language pack and its version hash.';

create table verdict (
    site varchar not null,
    study_uid varchar not null,
    author varchar not null,
    verdict varchar not null check (verdict in ('fracture', 'no_fracture', 'unsure')),
    decided_at timestamptz not null,
    key_id varchar not null,
    primary key (site, study_uid, author, decided_at)
);
comment on table verdict is 'A clinician''s answer on a case; the last of each author counts, history is kept.';
comment on column verdict.site is 'The site.';
comment on column verdict.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column verdict.author is 'Pseudonym of the author.';
comment on column verdict.verdict is 'fracture, no_fracture or unsure.';
comment on column verdict.decided_at is 'When, UTC.';
comment on column verdict.key_id is 'Which pseudonym key made the identifiers of this row.';

create table study (
    site varchar not null,
    day date not null,
    study_uid varchar not null,
    patient_id varchar,
    modality varchar not null,
    region varchar,
    laterality varchar,
    device varchar,
    sex varchar,
    age_band varchar,
    patient_class varchar,
    images integer not null,
    images_inferred integer not null,
    ordered timestamptz,
    exam_started timestamptz,
    exam_completed timestamptz,
    received timestamptz not null,
    ai_completed timestamptz,
    report_preliminary timestamptz,
    report_final timestamptz,
    report_corrected timestamptz,
    score double,
    ai_result varchar not null check (ai_result in ('positive', 'doubtful', 'negative', 'failed', 'not_processed')),
    model_sha256 varchar,
    report_state varchar not null check (report_state in ('unreported', 'preliminary', 'final', 'corrected', 'withdrawn')),
    report_label varchar check (report_label in ('present', 'absent', 'uncertain', 'not_addressed')),
    report_acuity varchar,
    report_message_id varchar,
    verdict varchar,
    verdict_at timestamptz,
    clock_skew boolean not null,
    origin varchar not null check (origin in ('measured', 'simulated')),
    primary key (site, study_uid)
);
comment on table study is 'One in-scope study with all that the figures need: rebuilt from the tables above for each day that changed.';
comment on column study.site is 'The site.';
comment on column study.day is 'Local date of exam_completed, else of exam_started, else of receipt.';
comment on column study.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column study.patient_id is 'Pseudonym of the patient.';
comment on column study.modality is 'Modality of its in-scope images (the commonest).';
comment on column study.region is 'Body region of its in-scope images (the commonest).';
comment on column study.laterality is 'L, R, B or null.';
comment on column study.device is 'Pseudonym of the device.';
comment on column study.sex is 'F, M, O or null.';
comment on column study.age_band is 'Age band at the examination.';
comment on column study.patient_class is 'From the report messages: E, I, O, other or null.';
comment on column study.images is 'In-scope images.';
comment on column study.images_inferred is 'In-scope images with a finding of status ok.';
comment on column study.ordered is 'Time of the order, UTC.';
comment on column study.exam_started is 'Earliest acquisition of its in-scope images, else StudyDate and StudyTime, UTC.';
comment on column study.exam_completed is 'Latest acquisition of its in-scope images, UTC; null when unknown.';
comment on column study.received is 'Our own clock at the last image of the study.';
comment on column study.ai_completed is 'Our own clock at the last finding of the study.';
comment on column study.report_preliminary is 'First preliminary report, UTC, whatever became of it.';
comment on column study.report_final is 'First final (or corrected, where no final was sent) report, UTC.';
comment on column study.report_corrected is 'Last correction, UTC.';
comment on column study.score is 'Highest score over its images.';
comment on column study.ai_result is 'positive, doubtful, negative, failed or not_processed.';
comment on column study.model_sha256 is 'Model that gave the result.';
comment on column study.report_state is 'State of the report now: a preliminary state never undoes a final one, a withdrawal undoes what was before it.';
comment on column study.report_label is 'Label of the last final or corrected report; null when there is none.';
comment on column study.report_acuity is 'Acuity read in that report.';
comment on column study.report_message_id is 'The report event that gave the label.';
comment on column study.verdict is 'Last verdict.';
comment on column study.verdict_at is 'When, UTC.';
comment on column study.clock_skew is 'The final report is before the end of the examination or more than a year after it, or the examination lasts more than a year.';
comment on column study.origin is 'measured, or simulated (history of the demonstration).';

create table issued (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    issued_at timestamptz not null,
    data_cut timestamptz not null,
    data_sha256 varchar not null,
    figures_sha256 varchar not null,
    definition varchar not null,
    primary key (site, month, issue)
);
comment on table issued is 'Every monthly report issued: what it was built from, so that it can be rebuilt.';
comment on column issued.site is 'The site.';
comment on column issued.month is 'Month, YYYY-MM.';
comment on column issued.issue is '1 for the first issue of the month, then counting up.';
comment on column issued.issued_at is 'When it was issued.';
comment on column issued.data_cut is 'Data committed up to this time are in it.';
comment on column issued.data_sha256 is 'Hash of the month''s studies at the data cut.';
comment on column issued.figures_sha256 is 'Hash of the figures shown.';
comment on column issued.definition is 'The report definition used (JSON).';

create view report_match as
with known as (
    select site, study_uid, list(distinct patient_id) filter (patient_id is not null) as patients
    from instance
    group by all
),

carried as (
    select distinct site, accession_number, study_uid
    from instance
    where accession_number is not null
),

candidate as (
    select event.site, event.message_id, event.patient_id, known.study_uid, known.patients
    from report_event as event
    inner join known using (site, study_uid)
    union all
    select event.site, event.message_id, event.patient_id, known.study_uid, known.patients
    from report_event as event
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
        when candidate.patient_id is null then shared.persons <= 1
        else coalesce(len(candidate.patients), 0) = 0 or list_contains(candidate.patients, candidate.patient_id)
    end as agrees
from candidate
inner join shared using (site, message_id);
comment on view report_match is 'The studies that each report event speaks of: by study_uid, else by accession_number (all studies that carry it).';
comment on column report_match.site is 'The site.';
comment on column report_match.message_id is 'The report event.';
comment on column report_match.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column report_match.agrees is 'Whether the patient is the study''s: false when both are known and differ, or when the report names none and the accession number is shared by several patients.';
