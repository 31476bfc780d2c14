"""The second factor: time-based one-time codes (RFC 6238), six digits every thirty seconds.

Secrets lie encrypted in the database (AES-256-GCM, bound to their account) under a key that is not in it: a
copy of the database alone gives nobody's codes away.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from markupsafe import Markup

from reports.pages import trusted
from warehouse import accounts
from warehouse.accounts import Account
from warehouse.app_store import AppStore
from warehouse.errors import KeyFileError

STEP_SECONDS = 30
_MARK = "aes256gcm."  # no base32 holds a dot


def new_secret() -> str:
    """Return a random secret of 160 bits, in base32."""
    return pyotp.random_base32()


def locked(key: bytes, user_id: str, secret: str) -> str:
    """Return a secret as it is stored for an account."""
    nonce = secrets.token_bytes(12)
    return _MARK + base64.b64encode(nonce + _cipher(key).encrypt(nonce, secret.encode(), user_id.encode())).decode()


def unlocked(key: bytes, user_id: str, stored: str) -> str:
    """Return the secret of an account.

    Raises
    ------
    KeyFileError
        If it was stored under another key, for another account, or altered since.
    """
    try:
        sealed = base64.b64decode(stored.removeprefix(_MARK))
        return _cipher(key).decrypt(sealed[:12], sealed[12:], user_id.encode()).decode()
    except (InvalidTag, ValueError):
        raise KeyFileError("second factors were encrypted with another key; restore keys/_app.key") from None


def lock_all(store: AppStore, key: bytes) -> int:
    """Encrypt what earlier versions stored plain; return how many that were. All others must open with `key`."""
    plain = 0
    for account in accounts.every(store):
        if account.totp_secret is None:
            continue
        if account.totp_secret.startswith(_MARK):
            unlocked(key, account.user_id, account.totp_secret)
        else:
            accounts.lock_totp(
                store, account.user_id, account.totp_secret, locked(key, account.user_id, account.totp_secret)
            )
            plain += 1
    return plain


def examine(store: AppStore, key: bytes | None) -> int:
    """Return how many accounts have an encrypted secret, each of which opens with `key`; nothing is changed.

    Raises
    ------
    KeyFileError
        If there is no key though there are such secrets, or one of them does not open.
    """
    stored = [account for account in accounts.every(store) if (account.totp_secret or "").startswith(_MARK)]
    if stored and key is None:
        raise KeyFileError("second factors are encrypted and their key is missing; restore keys/_app.key")
    for account in stored:
        unlocked(key or b"", account.user_id, account.totp_secret or "")
    return len(stored)


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.new(key, b"bilan second factors", hashlib.sha256).digest())


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step whose code this is: the present one or a neighbour, as clocks differ; else None."""
    given = "".join(code.split())
    present = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given.encode()):
            return step
    return None


def accepted(store: AppStore, key: bytes, account: Account, code: str, now: datetime) -> bool:
    """Tell whether this is a code of the account's second factor that was not given before, and use it up.

    Raises
    ------
    KeyFileError
        If the secret was stored under another key than `key`.
    """
    step = matching_step(unlocked(key, account.user_id, account.totp_secret or ""), code, now)
    return step is not None and accounts.accept_totp(store, account.user_id, step)


def uri(secret: str, login: str) -> str:
    """Return what authenticator applications read."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Bilan")


def picture(secret: str, login: str) -> Markup:
    """Return the address for authenticator applications as a QR code, in SVG."""
    drawn = segno.make(uri(secret, login), error="m", micro=False)
    return trusted(drawn.svg_inline(border=3, light="#ffffff", dark="#000000", omitsize=True, svgclass="qr"))
