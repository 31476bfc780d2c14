"""Errors of the store, for operators and programmers; never with a field's value."""


class WarehouseError(Exception):
    """Base of this package's errors: the text says what to do."""
