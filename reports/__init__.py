"""Facts to things people read: the flagged-case list and the monthly PDF."""
