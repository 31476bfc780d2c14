"""The section `web` of `bilan.yaml`: how the web application is reached, and who signs in how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["clinician", "department_head", "partnership_manager", "administrator", "auditor"]
Address = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$")]


class SingleSignOn(BaseModel):
    """The hospital's OpenID Connect provider.

    `login_claim` names the claim that holds the login of the account. With `roles`, the values of
    `roles_claim` decide the roles at each sign-in, each written ``role`` or ``role@site``; without,
    the roles of the account stand.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret_file: Path
    label: str = "SSO"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    login_claim: str = "email"
    roles_claim: str = "groups"
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _encrypted(self) -> SingleSignOn:
        loopback = self.issuer.split("//")[1].split("/")[0].split(":")[0] in ("127.0.0.1", "localhost")
        if not self.issuer.startswith("https://") and not loopback:
            raise ValueError("the issuer's address must start with https://")
        return self


class Web(BaseModel):
    """The web application."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_address: Address | None = None
    certificate: Path | None = None
    key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    second_factor: tuple[Role, ...] = (
        "clinician",
        "department_head",
        "partnership_manager",
        "administrator",
        "auditor",
    )
    idle_minutes: Annotated[float, Field(ge=1, le=480)] = 30.0
    absolute_hours: Annotated[float, Field(ge=0.25, le=24)] = 12.0
    # CNIL 2021-122 (journalisation): six months to a year; more only for a reason of its own.
    audit_months: Annotated[int, Field(ge=6, le=36)] = 12
    single_sign_on: SingleSignOn | None = None

    @model_validator(mode="after")
    def _whole(self) -> Web:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.single_sign_on is not None and self.public_address is None:
            raise ValueError("single_sign_on needs public_address: the provider sends users back there")
        return self


def app_key(home: Path) -> Path:
    """Return the file of the key that encrypts secrets in `app.sqlite`; no site has a name that begins so."""
    return home / "keys" / "_app.key"
