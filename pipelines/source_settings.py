"""What a site's file says of its sources: one class for each kind, told apart by `type`."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inference.report_csv import Columns, Export

SITE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
Port = Annotated[int, Field(ge=1, le=65535)]
# PS3.5 6.2, value representation AE: 16 characters, no backslash, no control character.
AeTitle = Annotated[str, Field(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s\"'<>?#@]+[^\s\"'<>?#/@]$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]

# PS3.5 6.2, value representation CS; no wildcard.
BodyPart = Annotated[str, Field(pattern=r"^[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?$")]

Name = Annotated[str, Field(min_length=1)]
State = Literal["preliminary", "final", "corrected", "withdrawn"]


class Strict(BaseModel):
    """Unknown keys are mistakes: a misspelt option must not be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvColumns(Strict):
    """Names of an export's columns, as in its first line; what it lacks is left out.

    `event_at`, `exam_at` and `ordered_at` hold date and time, or the date alone with the time in
    another column. `ai_seen` says yes where the author had seen the AI result before signing.
    """

    patient_id: Name
    text: Name
    event_at: Name
    event_at_time: str = ""
    status: str = ""
    accession_number: str = ""
    study_uid: str = ""
    exam_at: str = ""
    exam_at_time: str = ""
    ordered_at: str = ""
    ordered_at_time: str = ""
    patient_class: str = ""
    ai_seen: str = ""

    @model_validator(mode="after")
    def _examination(self) -> CsvColumns:
        if not self.accession_number and not self.study_uid:
            raise ValueError("name the column of the accession number, or of the Study Instance UID")
        return self


class CsvExport(Strict):
    """How a RIS's export is written; null: found in the file."""

    columns: CsvColumns
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    date_order: Literal["day", "month"] | None = None
    states: dict[str, State] = {}
    only_state: State = "final"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            return value if value is None else codecs.lookup(value).name
        except LookupError:
            raise ValueError("not an encoding; write utf-8, cp1252, iso8859-15 or another name") from None

    def export(self) -> Export:
        """Return it as the gate takes it."""
        columns = Columns(**self.columns.model_dump())
        return Export(columns, self.encoding, self.delimiter, self.date_order, self.states, self.only_state)


class Tls(Strict):
    """Certificates, as PEM files. A receiver needs its own; with `authorities` it asks for the caller's."""

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class FolderSource(Strict):
    """A folder where images or messages arrive, at any depth and with any extension."""

    name: SourceName
    type: Literal["folder"]
    path: Path
    content: Literal["dicom", "hl7", "fhir", "csv"]
    csv: CsvExport | None = None
    stable_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0

    @model_validator(mode="after")
    def _mapped(self) -> FolderSource:
        if (self.content == "csv") != (self.csv is not None):
            raise ValueError("csv (its columns) goes with content: csv, and only with it")
        return self


class Secret(Strict):
    """Where a secret stands: alone in a file (mode 0600), or in an environment variable."""

    file: Path | None = None
    environment: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.file is None) == (self.environment is None):
            raise ValueError("name a file or an environment variable, one of the two")
        return self


class Login(Strict):
    """How we sign in to a DICOMweb server: a bearer token, user and password, or a header of its own.

    A token in a file is read anew each night, and once the server answers 401: another program renews it there.
    """

    kind: Literal["bearer", "basic", "header"]
    secret: Secret
    user: str | None = None
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Login:
        if (self.kind == "basic") != (self.user is not None):
            raise ValueError("user goes with kind: basic, and only with it")
        if (self.kind == "header") != (self.header is not None):
            raise ValueError("header (its name) goes with kind: header, and only with it")
        return self


class Remote(Strict):
    """What sources that ask a PACS share: how far back each night looks, and how patient they are.

    `attempts` are made of each question, with a growing pause between them. `body_parts`: values of
    BodyPartExamined to query for, where the PACS knows it of every series. `compare_days`: images of the last so
    many days are fetched anew each night and compared. `withdraw_deleted`: a study that the PACS deleted is taken back.
    """

    name: SourceName
    look_back_days: Annotated[int, Field(ge=0, le=60)] = 3
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    maximum_object_mb: Annotated[int, Field(ge=1, le=2048)] = 128
    body_parts: tuple[BodyPart, ...] = ()
    compare_days: Annotated[int, Field(ge=0, le=60)] = 0
    withdraw_deleted: bool = False

    @property
    def content(self) -> Literal["dicom"]:
        """Images, always."""
        return "dicom"


class DicomwebSource(Remote):
    """A PACS that speaks DICOMweb: QIDO-RS to list, WADO-RS to fetch."""

    type: Literal["dicomweb"]
    url: Url
    login: Login | None = None
    tls: Tls | None = None
    page_size: Annotated[int, Field(ge=1, le=5000)] = 200

    @model_validator(mode="after")
    def _encrypted(self) -> DicomwebSource:
        if self.tls is not None and not self.url.startswith("https://"):
            raise ValueError("tls goes with an address that starts with https://")
        return self


class MoveTo(Strict):
    """Where a PACS that is asked to move sends to; the night listens there while it fetches."""

    ae_title: AeTitle = "BILAN"
    listen: Host = "0.0.0.0"  # noqa: S104 - as of a receiver
    port: Port
    tls: Tls | None = None


class DimseSource(Remote):
    """A PACS that speaks DIMSE: C-FIND to list, then C-GET, or C-MOVE to `move_to`, where the night listens."""

    type: Literal["dimse"]
    host: Host
    port: Port
    ae_title: AeTitle
    calling_ae_title: AeTitle = "BILAN"
    retrieve: Literal["get", "move"] = "get"
    move_to: MoveTo | None = None
    tls: Tls | None = None

    @model_validator(mode="after")
    def _destination(self) -> DimseSource:
        if (self.retrieve == "move") != (self.move_to is not None):
            raise ValueError("move_to says where the PACS sends, and goes with `retrieve: move` alone")
        return self


class Receiver(Strict):
    """What receivers share: where they listen, and TLS."""

    name: SourceName
    listen: Host = "0.0.0.0"  # noqa: S104 - other machines send to it; docs/operations.md has the firewall table
    port: Port
    tls: Tls | None = None

    @model_validator(mode="after")
    def _certificate(self) -> Receiver:
        if self.tls is not None and self.tls.certificate is None:
            raise ValueError("tls of a receiver needs its certificate and its key")
        return self


class CstoreSource(Receiver):
    """A C-STORE receiver (`bilan receive`) that modalities or a PACS send to; the night reads its inbox.

    `maximum_associations` holds for each sending machine, four times as many for all together.
    """

    type: Literal["cstore"]
    ae_title: AeTitle = "BILAN"
    calling: Annotated[tuple[AeTitle, ...], Field(min_length=1)]
    maximum_object_mb: Annotated[int, Field(ge=1, le=2048)] = 128
    maximum_associations: Annotated[int, Field(ge=1, le=200)] = 10
    idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0

    @property
    def content(self) -> Literal["dicom"]:
        """Images, always."""
        return "dicom"


class MllpSource(Receiver):
    """An MLLP listener (`bilan listen`) that the RIS sends HL7 to; the night reads its inbox.

    `maximum_connections` holds for each sending machine, four times as many for all together. A
    frame that was begun must be whole within `frame_seconds`; a connection may rest `idle_seconds`.
    """

    type: Literal["mllp"]
    maximum_message_mb: Annotated[float, Field(gt=0, le=100)] = 5.0
    maximum_connections: Annotated[int, Field(ge=1, le=500)] = 20
    idle_seconds: Annotated[float, Field(gt=0, le=86400)] = 600.0
    frame_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0

    @property
    def content(self) -> Literal["hl7"]:
        """Messages, always."""
        return "hl7"


Source = Annotated[FolderSource | DicomwebSource | DimseSource | CstoreSource | MllpSource, Field(discriminator="type")]
SOURCE_TYPES = ("folder", "dicomweb", "dimse", "cstore", "mllp")
