-- A step of a night clears its own failure only: the step that ran before it may have failed as well.

create table night_failure (
    site varchar not null,
    day date not null,
    step varchar not null,
    error varchar not null,
    primary key (site, day, step)
);
comment on table night_failure is 'Steps of a night that failed in their last run; a step that succeeds has no row.';
comment on column night_failure.site is 'The site.';
comment on column night_failure.day is 'Local date whose studies the night is about.';
comment on column night_failure.step is 'study, report_event, finding or report_label: the asset whose run failed.';
comment on column night_failure.error is 'Code of the failure, never a message with data.';
