insert into ledger by name
select
    site,
    md5('offer ' || study_uid || image) as offer_id,
    'dicom' as kind,
    'pacs' as source,
    day as night,
    begun + interval 1 hour as received_at,
    md5('place ' || study_uid || image) as place_id,
    '15000512 ' || number as stamp,
    md5('content ' || study_uid || image) as content_id,
    'accepted' as outcome,
    [] as reasons,
    study_uid,
    md5(study_uid || image) as instance_uid,
    'k' as key_id
from (select *, unnest(range(images)) as image from generated);
