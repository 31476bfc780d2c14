-- What the rows of a study have in common. Studies are numbered in the order of their days; numbers from hashes, so
-- that the same options give the same rows; every time between 6:00 and 20:00 UTC, so that the local day is the same.
create or replace temporary view generated as
select
    number,
    'site-' || lpad((hash(number) % $sites)::varchar, 2, '0') as site,
    md5('study ' || number) as study_uid,
    md5('patient ' || hash(number, 1) % ($studies // 2 + 1)) as patient_id,
    md5('accession ' || number) as accession_number,
    2 + (hash(number, 2) % 3)::integer + (hash(number, 3) % 3 = 0)::integer as images,
    ($first::date + (number * $days // $studies)::integer) as day,
    day::timestamp::timestamptz + to_minutes((360 + hash(number, 4) % 840)::bigint) as begun,
    ['wrist', 'hand', 'finger', 'forearm', 'elbow', 'shoulder', 'hip', 'knee', 'ankle', 'foot'][1 + (hash(number, 5) % 10)::integer] as region,
    ['L', 'R'][1 + (hash(number, 6) % 2)::integer] as laterality,
    md5('device ' || site || hash(number, 7) % 4) as device,
    ['F', 'M'][1 + (hash(number, 8) % 2)::integer] as sex,
    ['0-4', '5-14', '15-24', '25-44', '45-64', '65-79', '80+'][1 + (hash(number, 9) % 7)::integer] as age_band,
    hash(number, 10) % 100 < 12 as broken,
    -- Hours to the report: an exponential of mean 14; one study in 25 has none.
    case when hash(number, 11) % 25 > 0 then begun + to_seconds((-14 * 3600 * ln((1 + hash(number, 12) % 1000000) / 1e6))::bigint) + interval 20 minute end as signed,
    ['E', 'I', 'O'][1 + (hash(number, 13) % 3)::integer] as patient_class,
    hash(number, 14) % 25 > 0 as in_scope  -- one study in 25 is of another part of the body
from (select unnest(range($from_number, $to_number)) as number);
