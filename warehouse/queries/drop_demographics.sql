delete from demographic
where site = $site;
