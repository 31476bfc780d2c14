"""Opaque addresses: what they stand for (a pseudonym) is encrypted into them, for one session.

The key comes from the session's cookie, so that an address opens nothing in another session or after
sign-out. Images open for a short time only; the pages of `LASTING` survive a reload as long as the
session does. Within `PERIOD` the same thing has the same address: a list that refreshes itself does not
load every picture again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

PERIOD = timedelta(minutes=15)
LASTING = frozenset({"case", "report", "sample", "ticket"})
"""Kinds of pages, which a reader may reload or come back to, and what a verdict that waits brings along."""


def seal(secret: str, kind: str, thing: str, now: datetime) -> str:
    """Return the address part for `thing`; it opens for one to two periods, of a kind of `LASTING` for the session."""
    period = 0 if kind in LASTING else int(now.timestamp() // PERIOD.total_seconds())
    sealed = AESSIV(_key(secret)).encrypt(json.dumps([period, thing]).encode(), [kind.encode()])
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secret: str, kind: str, text: str, now: datetime) -> str | None:
    """Return what an address part stands for, or None: forged, of another session or kind, or too old."""
    try:
        sealed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        period, thing = json.loads(AESSIV(_key(secret)).decrypt(sealed, [kind.encode()]))
    except (InvalidTag, ValueError, binascii.Error):
        return None
    passed = 0 if kind in LASTING else int(now.timestamp() // PERIOD.total_seconds()) - period
    return str(thing) if 0 <= passed <= 1 else None


def _key(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"bilan sealed addresses", hashlib.sha256).digest()
