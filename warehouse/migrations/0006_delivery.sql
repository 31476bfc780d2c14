create table delivery (
    site varchar not null,
    month varchar not null,
    issue integer not null,
    recipient varchar not null,
    claimed_at timestamptz not null,
    sent_at timestamptz,
    primary key (site, month, issue, recipient)
);
comment on table delivery is 'Every monthly report sent by mail, claimed before it is sent: none is sent twice.';
comment on column delivery.site is 'The site.';
comment on column delivery.month is 'Month, YYYY-MM.';
comment on column delivery.issue is 'The issue that was sent.';
comment on column delivery.recipient is 'SHA-256 of the address, in lower case: the warehouse holds no address.';
comment on column delivery.claimed_at is 'When sending began.';
comment on column delivery.sent_at is 'When the mail server took it; null where that is not known: it is then not sent again.';
