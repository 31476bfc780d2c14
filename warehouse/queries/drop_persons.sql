delete from person
where site = $site;
