-- What a channel is to be told: what is open, and the end of what it was told of.
select alarm.site, alarm.cause, alarm.subject, alarm.opened_at, alarm.seen_at, alarm.ended_at, alarm.figures
from alarm
left join alarm_notice as raised
    on raised.site = alarm.site
    and raised.cause = alarm.cause
    and raised.subject = alarm.subject
    and raised.opened_at = alarm.opened_at
    and raised.channel = $channel
    and raised.state = 'raised'
left join alarm_notice as gone
    on gone.site = alarm.site
    and gone.cause = alarm.cause
    and gone.subject = alarm.subject
    and gone.opened_at = alarm.opened_at
    and gone.channel = $channel
    and gone.state = 'ended'
where alarm.site = $site
    and (
        (alarm.ended_at is null and raised.channel is null)
        or (alarm.ended_at is not null and raised.channel is not null and gone.channel is null)
    )
order by alarm.opened_at, alarm.cause, alarm.subject;
