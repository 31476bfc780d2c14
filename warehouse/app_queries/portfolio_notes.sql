select note_id, site, month, text, noted_at
from portfolio_note
where removed_at is null and (:site is null or site = :site)
order by month, note_id
