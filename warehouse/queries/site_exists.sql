select 1 from site where site = $site limit 1;
