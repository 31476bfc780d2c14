select max(month) as month
from site_month
