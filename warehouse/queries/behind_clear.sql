delete from temp.study
