drop table if exists temp.{table};
