-- What changes after its night: days whose studies changed, cancelled orders, studies taken back, corrected
-- demographics; and which source could not be read.

create table changed_day (
    site varchar not null,
    day date not null,
    changed_at timestamptz not null,
    primary key (site, day)
);
comment on table changed_day is 'Local days whose studies changed since their flagged list was issued; the next night issues it again and removes the row.';
comment on column changed_day.site is 'The site.';
comment on column changed_day.day is 'Local day of the examination.';
comment on column changed_day.changed_at is 'When the change was committed, our own clock, UTC.';

create table source_state (
    site varchar not null,
    source varchar not null,
    failing_since timestamptz,
    checked_at timestamptz not null,
    primary key (site, source)
);
comment on table source_state is 'Whether each source could be read when a night last tried.';
comment on column source_state.site is 'The site.';
comment on column source_state.source is 'Name of the source in the site''s file.';
comment on column source_state.failing_since is 'The first try of those that failed without one that succeeded since, UTC; null when the last one succeeded.';
comment on column source_state.checked_at is 'The last try, UTC.';

alter table order_event add column cancelled_at timestamptz;
comment on column order_event.cancelled_at is 'When the order was cancelled (ORC-9, else MSH-7, of ORC-1 CA, OC or CR), UTC; null for other messages.';

create table withdrawn_study (
    site varchar not null,
    study_uid varchar not null,
    withdrawn_at timestamptz not null,
    key_id varchar not null,
    primary key (site, study_uid)
);
comment on table withdrawn_study is 'Studies that a person took back (`bilan withdraw`): neither inferred nor reported.';
comment on column withdrawn_study.site is 'The site.';
comment on column withdrawn_study.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column withdrawn_study.withdrawn_at is 'When it was noted, our own clock, UTC.';
comment on column withdrawn_study.key_id is 'Key of the pseudonyms.';

create table demographic (
    site varchar not null,
    study_uid varchar not null,
    sex varchar,
    age_band varchar,
    primary key (site, study_uid)
);
comment on table demographic is 'What ADT^A08 or A31 corrected of a study''s patient, worked out anew each night; goes before what the images say.';
comment on column demographic.site is 'The site.';
comment on column demographic.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column demographic.sex is 'F, M or O; null where the message says nothing.';
comment on column demographic.age_band is 'Age at the examination by the birth date told last; null where none was told.';

-- An order cancelled last, and no report that stands: the examination did not take place as ordered.
create view cancelled_study as
with ordered as (
    select
        report_match.site,
        report_match.study_uid,
        max(order_event.cancelled_at) as cancelled_at,
        max(order_event.ordered_at) as ordered_at
    from order_event
    inner join report_match using (site, message_id)
    where report_match.agrees
    group by all
)

select ordered.site, ordered.study_uid
from ordered
where ordered.cancelled_at is not null
    and (ordered.ordered_at is null or ordered.cancelled_at > ordered.ordered_at)
    and not exists (
        select 1
        from report_match
        inner join report_event using (site, message_id)
        where report_match.site = ordered.site
            and report_match.study_uid = ordered.study_uid
            and report_match.agrees
            and report_event.status in ('final', 'corrected')
    );
comment on view cancelled_study is 'Studies whose order was cancelled after it was placed and that have no final or corrected report.';
comment on column cancelled_study.site is 'The site.';
comment on column cancelled_study.study_uid is 'Pseudonym of the Study Instance UID.';

create view taken_back as
select site, study_uid from withdrawn_study
union
select site, study_uid from cancelled_study;
comment on view taken_back is 'Studies that count no more: withdrawn, or their order cancelled.';
comment on column taken_back.site is 'The site.';
comment on column taken_back.study_uid is 'Pseudonym of the Study Instance UID.';
