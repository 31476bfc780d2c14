-- What of these studies was confirmed by the PACS or the RIS.
select study_uid, channel, digest
from result_delivery
where site = $site and study_uid in (select unnest($studies::varchar[])) and sent_at is not null
