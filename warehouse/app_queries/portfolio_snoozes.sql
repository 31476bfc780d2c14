select site, rule, until
from portfolio_snooze
where until > :today
