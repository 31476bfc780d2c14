-- Sentences kept before this version may hold a name that their message gives: the night reads the reports that are
-- still in the spool anew and keeps them masked; of the others none is kept.
update report_label set evidence = null;
