select version, author, chosen_at, choice
from report_choice
where site = :site
order by version desc
limit 1
