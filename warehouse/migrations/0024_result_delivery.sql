create table result_delivery (
    site varchar not null,
    study_uid varchar not null,
    channel varchar not null check (channel in ('objects', 'priority')),
    digest varchar not null,
    claimed_at timestamptz not null,
    sent_at timestamptz,
    primary key (site, study_uid, channel, digest)
);
comment on table result_delivery is 'Every result sent to the PACS or the RIS, so that none is sent twice.';
comment on column result_delivery.site is 'The site.';
comment on column result_delivery.study_uid is 'Pseudonym of the Study Instance UID.';
comment on column result_delivery.channel is 'objects: report and boxes to the PACS; priority: message to the RIS.';
comment on column result_delivery.digest is 'SHA-256 of what was said: another result of the same study is sent again.';
comment on column result_delivery.claimed_at is 'When sending began.';
comment on column result_delivery.sent_at is 'When the other side confirmed it; null where it did not: it is sent again then.';
