"""Errors of the store, for operators and programmers; never with a field's value."""


class WarehouseError(Exception):
    """Base of this package's errors: the text says what to do."""


class WarehouseBusyError(WarehouseError):
    """Another run held the warehouse for too long: wait until it ends, or end it, then run again."""


class WarehouseDamagedError(WarehouseError):
    """Warehouse or copy cannot be read: the text says whether a night makes it anew or a back-up is needed."""


class SchemaVersionError(WarehouseError):
    """The database's schema is not the one this version of Bilan works with; the text says what to do."""


class TransactionOpenError(WarehouseError):
    """A function that commits was called inside a transaction: call it outside (programmer's error)."""


class KeyFileError(WarehouseError):
    """A pseudonym key cannot be used: restore it from its back-up, or mend the file's permissions."""


class NotPseudonymError(WarehouseError):
    """An identifier was about to be stored as it is: give `load` a pseudonymiser (programmer's error)."""


class NaiveTimeError(WarehouseError):
    """A time without a time zone was about to be stored: make it UTC-aware (programmer's error)."""


class StorePermissionError(WarehouseError):
    """The identified store can be read by others: `chmod 600` the file."""
