-- What every figure reads as `study` on this connection from here on: nothing until one is put there.
create temp table study as select * from month_study limit 0
