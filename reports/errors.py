"""Errors of the reports, for operators; never with a field's value."""


class ReportError(Exception):
    """Base of this package's errors: the text says what to do."""
