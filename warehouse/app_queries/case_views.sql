-- When each case of a site was first opened with an AI result on the page, whoever opened it.
select object as study_uid, min(at) as seen_at
from audit_event
where site = $site and event = 'case_viewed' and json_extract(detail, '$.ai_shown') = 1
group by object
order by object;
