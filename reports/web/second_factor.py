"""The second factor: time-based one-time codes (RFC 6238), six digits every thirty seconds."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp
import segno
from markupsafe import Markup

from reports.pages import trusted

STEP_SECONDS = 30


def new_secret() -> str:
    """Return a random secret of 160 bits, in base32."""
    return pyotp.random_base32()


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step whose code this is: the present one or a neighbour, as clocks differ; else None."""
    given = "".join(code.split())
    present = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given.encode()):
            return step
    return None


def uri(secret: str, login: str) -> str:
    """Return what authenticator applications read."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Bilan")


def picture(secret: str, login: str) -> Markup:
    """Return the address for authenticator applications as a QR code, in SVG."""
    drawn = segno.make(uri(secret, login), error="m", micro=False)
    return trusted(drawn.svg_inline(border=3, light="#ffffff", dark="#000000", omitsize=True, svgclass="qr"))
