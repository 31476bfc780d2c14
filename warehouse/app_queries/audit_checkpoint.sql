-- From where the trail goes on.
select through, hash
from audit_checkpoint
order by through desc
limit 1;
