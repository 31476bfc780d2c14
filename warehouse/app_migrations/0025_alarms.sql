-- Alarms: one row for each time that a cause was there, from when it was first seen until it was gone; and who was
-- told. Times are UTC, as ISO 8601 text. No patient data: causes, names of sources, numbers.

create table alarm (
    site text not null,
    cause text not null check (
        cause in ('no_images', 'ris_silent', 'source_unreachable', 'quarantine_rising', 'positive_rate', 'night_late')
    ),
    subject text not null,                -- the source, where the cause is one source's; else empty
    opened_at text not null,
    seen_at text not null,                -- last time that it was there
    ended_at text,                        -- first time that it was gone
    figures text not null,                -- JSON: the numbers that the sentence is made of
    primary key (site, cause, subject, opened_at)
) strict, without rowid;
-- However often a night runs again: one cause is one open alarm.
create unique index alarm_open on alarm (site, cause, subject) where ended_at is null;

create table alarm_notice (
    site text not null,
    cause text not null,
    subject text not null,
    opened_at text not null,
    state text not null check (state in ('raised', 'ended')),
    channel text not null,                -- mail:ADDRESS or webhook:ADDRESS
    claimed_at text not null,             -- before it is sent: nobody is told twice
    primary key (site, cause, subject, opened_at, state, channel),
    foreign key (site, cause, subject, opened_at) references alarm (site, cause, subject, opened_at)
) strict, without rowid;
