select study_uid, day from month_study order by day, study_uid
