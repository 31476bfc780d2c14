drop table temp.report_match;
