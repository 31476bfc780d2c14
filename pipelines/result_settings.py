"""What a site's file says of where results go: objects to the PACS, a message to the RIS; both opt-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipelines.source_settings import AeTitle, Host, Login, Port, Strict, Tls, Url

AiResult = Literal["positive", "doubtful", "negative"]
# HL7 v2, data type HD: our words for who sends and who receives.
Hl7Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._-]{1,50}$")]


class Peer(Strict):
    """How patient we are with whom we send to."""

    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    tls: Tls | None = None


class StowTarget(Peer):
    """A PACS that takes objects by STOW-RS."""

    type: Literal["dicomweb"]
    url: Url
    login: Login | None = None


class CstoreTarget(Peer):
    """A PACS that takes objects by C-STORE."""

    type: Literal["dimse"]
    host: Host
    port: Port
    ae_title: AeTitle
    calling_ae_title: AeTitle = "BILAN"


class Objects(Strict):
    """Structured reports, and presentation states with the boxes, of studies with these results."""

    to: Annotated[StowTarget | CstoreTarget, Field(discriminator="type")]
    of: frozenset[AiResult] = frozenset({"positive", "doubtful"})
    overlay: bool = True


class Priority(Peer):
    """A message (HL7 v2 ORU^R01, or the site's own template) for each positive study, over MLLP."""

    host: Host
    port: Port
    receiving_application: Hl7Name = "RIS"
    receiving_facility: Hl7Name = "RIS"
    template: Path | None = None


class Results(Strict):
    """Where results go besides list and report."""

    objects: Objects | None = None
    priority: Priority | None = None
