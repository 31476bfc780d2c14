"""Signing and sealing what a site sends to the hub, and signing what the hub gives back.

A signature is Ed25519 (RFC 8032), by a key of the site's own, or of the hub's. A sealed file can be opened by the
holder of the hub's key alone: HPKE (RFC 9180) in base mode, X25519 with HKDF-SHA-256 and ChaCha20-Poly1305. Both
come from the `cryptography` package; there is no code of ours in either.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from warehouse.errors import WarehouseError
from warehouse.pseudonym import read_key, write_key

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
# What is put before the text: a signature for one purpose is none for another.
BY_SITE = b"bilan aggregates, signed by the site\n"
BY_HUB = b"bilan return, signed by the hub\n"
_SEALED = b"bilan aggregates, sealed for the hub"
BACKUP = b"bilan back-up, sealed for its keeper"


class SealError(WarehouseError):
    """A sealed file is not for this hub, or was altered: ask the site which hub key its settings hold."""


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return a site's or the hub's signing key, making it (one line of hex, mode 0600) where there is none yet.

    Raises
    ------
    warehouse.pseudonym.KeyFileError
        If the file is not a plain file of mode 0600 that holds a key.
    """
    if not path.exists():
        write_key(path)
    return Ed25519PrivateKey.from_private_bytes(read_key(path))


def opening_key(path: Path) -> X25519PrivateKey:
    """Return the hub's key that opens sealed files, made as `signing_key` is."""
    if not path.exists():
        write_key(path)
    return X25519PrivateKey.from_private_bytes(read_key(path))


def public_text(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    """Return the public half as 64 hex digits."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def fingerprint(public: str) -> str:
    """Return what two people compare over the telephone: eight groups of four hex digits."""
    found = hashlib.sha256(bytes.fromhex(public)).hexdigest()[:32]
    return " ".join(found[place : place + 4] for place in range(0, 32, 4))


def sign(key: Ed25519PrivateKey, content: bytes, purpose: bytes = BY_SITE) -> bytes:
    """Return the signature of content."""
    return key.sign(purpose + content)


def signed_by(public: str, content: bytes, signature: bytes, purpose: bytes = BY_SITE) -> bool:
    """Say whether the holder of the public key signed this content."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, purpose + content)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(public: str, content: bytes, purpose: bytes = _SEALED) -> bytes:
    """Return content that the holder of the private half alone can open: the hub's key, or a back-up's."""
    return _SUITE.encrypt(content, X25519PublicKey.from_public_bytes(bytes.fromhex(public)), info=purpose)


def unseal(key: X25519PrivateKey, content: bytes, purpose: bytes = _SEALED) -> bytes:
    """Open what `seal` closed for the same purpose.

    Raises
    ------
    SealError
        If it was sealed for another key, or altered.
    """
    try:
        return _SUITE.decrypt(content, key, info=purpose)
    except (InvalidTag, ValueError):
        raise SealError("sealed for another key, or altered on the way") from None
