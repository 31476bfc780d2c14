"""The section `cluster` of `bilan.yaml`: other machines that share the night's inference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

_LOOPBACK = ("tcp://127.0.0.1:", "tcp://localhost:", "tcp://[::1]:")


class Cluster(BaseModel):
    """A Dask scheduler, and the certificate that this machine shows to it.

    Whoever may speak to a Dask scheduler may run anything on its workers. So the address starts with
    ``tls://`` and both sides show a certificate of the same authority; ``tcp://`` is for one machine alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheduler: Annotated[str, Field(pattern=r"^(tls|tcp)://[A-Za-z0-9.\-\[\]:]+:\d+$")]
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    # Images that a worker is given at once: enough to make the start of its processes worth while.
    shard: Annotated[int, Field(ge=1, le=5000)] = 250
    # How long to wait for the scheduler, or for a first worker.
    wait_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0

    @model_validator(mode="after")
    def _encrypted(self) -> Cluster:
        given = [path is not None for path in (self.ca, self.certificate, self.key)]
        if self.scheduler.startswith("tls://") and not all(given):
            raise ValueError("a tls:// scheduler needs ca, certificate and key: each the path of a PEM file")
        if self.scheduler.startswith("tcp://") and not self.scheduler.startswith(_LOOPBACK):
            raise ValueError("the scheduler of other machines must be reached by tls://, with ca, certificate and key")
        return self
