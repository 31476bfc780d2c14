insert into report_label by name
select
    site,
    md5('final' || study_uid) as message_id,
    case
        when hash(number, 15) % 20 = 0 then 'uncertain'
        when broken then 'present'
        else 'absent'
    end as label,
    if(label = 'present', 'acute', 'none') as acuity,
    'decided' as tier,
    'fr' as language,
    'Pas de lésion osseuse visible.' as evidence,
    ['generated'] as rules,
    'generated' as pack
from generated
where signed is not null;
