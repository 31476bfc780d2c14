"""The file that carries a month's aggregates: the signed text, whose it is, and the signature; sealed or not."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse import signature
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

FORMAT = "bilan-bundle/1"
SEALED = b"bilan-sealed-bundle/1\n"
LIMIT = 256 * 1024  # bytes: a bundle has some six thousand
_FIELDS = {"format", "site", "key", "payload", "signature"}
_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class BundleFileError(WarehouseError):
    """The file is no bundle, or cannot be opened here; `reason` is the refusal's code."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("the file is not a bundle that can be opened here")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as it stands in its file: nothing of it has been checked but its form. `signature` is hex."""

    site: str
    key: str
    payload: str
    signature: str


def as_file(bundle: Bundle, hub_key: str | None = None) -> bytes:
    """Return the file's content: one JSON object, legible as it is, or sealed to the hub's key."""
    fields = {
        "format": FORMAT,
        "site": bundle.site,
        "key": bundle.key,
        "payload": bundle.payload,
        "signature": bundle.signature,
    }
    content = (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()
    return SEALED + base64.encodebytes(signature.seal(hub_key, content)) if hub_key else content


def read(content: bytes, opening_key: X25519PrivateKey | None = None) -> Bundle:
    """Return the bundle of a file.

    Raises
    ------
    BundleFileError
        TOO_LARGE, UNREADABLE (no bundle), UNSIGNED, or SEALED_FOR_ANOTHER (or altered while sealed).
    """
    if len(content) > LIMIT:
        raise BundleFileError("TOO_LARGE")
    if content.startswith(SEALED):
        content = _opened(content.removeprefix(SEALED), opening_key)
    try:
        fields = json.loads(content.decode("utf-8", errors="strict"))
    except (ValueError, RecursionError):
        raise BundleFileError("UNREADABLE") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT or not fields.keys() <= _FIELDS:
        raise BundleFileError("UNREADABLE")
    if "signature" not in fields or "key" not in fields:
        raise BundleFileError("UNSIGNED")
    return _bundle(fields)


def _bundle(fields: dict[str, Any]) -> Bundle:
    if not all(isinstance(fields.get(name), str) for name in _FIELDS):
        raise BundleFileError("UNREADABLE")
    if not _KEY.fullmatch(fields["key"]) or not _SIGNATURE.fullmatch(fields["signature"]):
        raise BundleFileError("UNSIGNED")
    return Bundle(fields["site"], fields["key"], fields["payload"], fields["signature"])


def _opened(content: bytes, opening_key: X25519PrivateKey | None) -> bytes:
    if opening_key is None:
        raise BundleFileError("SEALED_FOR_ANOTHER")
    try:
        return signature.unseal(opening_key, base64.b64decode(content.replace(b"\n", b""), validate=True))
    except (binascii.Error, signature.SealError):
        raise BundleFileError("SEALED_FOR_ANOTHER") from None
