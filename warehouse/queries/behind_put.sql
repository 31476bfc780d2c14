insert into temp.study select * from month_study where study_uid = $study_uid
