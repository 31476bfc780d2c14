select
    site, name, country, language, sector, site_group, manager, contract_studies_per_month, since, stage, benchmark, key,
    registered_at
from partner_site
order by name, site
