"""pynetdicom as we want it, on both sides: quiet about what it carries."""

from __future__ import annotations

import logging

from pynetdicom import _config


def hush() -> None:
    """Keep identifiers out of logs: by default pynetdicom writes queries and answers into them."""
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.LOG_HANDLER_LEVEL = "none"
    # Its errors come with what the peer sent; ours say what happened in the ledger.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
