insert or replace into partner_site by name
select
    $site as site, $name as name, $country as country, $language as language, $sector as sector,
    $site_group as site_group, $manager as manager, $contract_studies_per_month as contract_studies_per_month,
    $since::date as since, $stage as stage, $benchmark as benchmark, $key as key, $registered_at as registered_at
