-- The studies that each identifier names: a Study Instance UID itself, an accession number all that carry it.
select named, list(distinct study_uid order by study_uid) as studies
from (
    select study_uid as named, study_uid
    from instance
    where site = $site and study_uid in (select unnest($studies::varchar[]))
    union all
    select accession_number as named, study_uid
    from instance
    where site = $site and accession_number in (select unnest($accessions::varchar[]))
)
group by named;
