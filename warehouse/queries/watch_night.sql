-- Files and messages that the night of $day took, and the median of the same weekday in the eight weeks before.
with taken as (
    select
        night.day,
        count(*) filter (where ledger.kind = 'dicom') as images,
        count(*) filter (where ledger.kind = 'message') as messages
    from night
    left join ledger on ledger.site = night.site and ledger.night = night.day
    where night.site = $site and night.day > $day::date - 57 and night.day <= $day
    group by night.day
),

before as (
    select *
    from taken
    where day < $day and dayofweek(day) = dayofweek($day::date)
)

select
    (select images from taken where day = $day) as images,
    (select messages from taken where day = $day) as messages,
    (select coalesce(median(images), 0) from before) as usual_images,
    (select coalesce(median(messages), 0) from before) as usual_messages;
