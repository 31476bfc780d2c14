"""`bilan.yaml` and `sites/<site>.yaml` as validated, frozen settings; every mistake at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from inference import regions
from inference.ai_seen import PATTERN as AI_SEEN
from inference.description import EMBEDDED, describe, embedded
from inference.errors import BundleError
from inference.settings import VALIDATED_REGIONS, DecodeSettings, GateSettings
from pipelines import strict_yaml
from pipelines.config_alarms import Alarms
from pipelines.config_cluster import Cluster
from pipelines.config_hub import Export, Hub
from pipelines.config_web import Web
from pipelines.errors import ConfigError, Problem
from pipelines.part_settings import Partnership, Retention
from pipelines.report_settings import Report, Smtp
from pipelines.result_settings import Results
from pipelines.source_settings import SITE_NAME, SOURCE_TYPES, Source, Strict
from warehouse.pseudonym import in_force

# What to write, for fields whose rule is a pattern.
REMEDIES = {
    "country": "write two capital letters such as FR (ISO 3166-1)",
    "accent": "write a colour as #rrggbb",
    "sender": "write one address such as bilan@hospital.example",
    "pacs_link": "write an address that starts with http:// or https://, without spaces or quotes",
    "ai_seen": "write OBX:CODE, a segment and field such as ZAI-2, or the address of a FHIR extension",
    "hour": 'write a time as "HH:MM", with the quotes',
    "images_by": 'write a time as "HH:MM", with the quotes',
    "webhook": "write an address such as http://alarms.hospital.lan:8080/bilan, without user, password or query",
    "list_time": 'write a time as "HH:MM", with the quotes',
    "start": 'write a time as "HH:MM", with the quotes',
    "end": 'write a time as "HH:MM", with the quotes',
    "url": "write an address that starts with http:// or https://, without user, ? or #, and without / at its end",
    "host": "write a host name or an address",
    "ae_title": "write an AE title: at most 16 characters, no backslash",
    "calling_ae_title": "write an AE title: at most 16 characters, no backslash",
    "name": "write a-z, 0-9 and - only, at most 41 letters",
}
HOUR = r"^([01]\d|2[0-3]):[0-5]\d$"
Clock = Annotated[str, Field(pattern=HOUR)]
Share = Annotated[float, Field(ge=0, le=1)]
T = TypeVar("T", bound="Strict")


class Opening(Strict):
    """Opening hours of the department, local time."""

    start: Clock = "08:00"
    end: Clock = "18:30"
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5)


class Scope(Strict):
    """Which images are analysed."""

    modalities: frozenset[str] = frozenset({"CR", "DX"})
    # None: those that the site's model was validated on, as its model.json says.
    regions: frozenset[str] | None = None

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, value: frozenset[str] | None) -> frozenset[str] | None:
        known = regions.regions()
        if value is not None and value - known:
            raise ValueError(f"not a region; choose among {', '.join(sorted(known))}")
        return value


class Shadow(Strict):
    """A bundle that scores every image too, for comparison, and flags nothing."""

    bundle: str


class ModelChoice(Strict):
    """The model bundle and the site's own thresholds (null takes the bundle's)."""

    bundle: str = "embedded"
    doubtful: Share | None = None
    positive: Share | None = None
    shadow: Shadow | None = None

    @model_validator(mode="after")
    def _another(self) -> ModelChoice:
        if self.shadow is not None and self.shadow.bundle == self.bundle:
            raise ValueError("the shadow must be another bundle than the one that flags")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> ModelChoice:
        if self.doubtful is not None and self.positive is not None and self.doubtful > self.positive:
            raise ValueError("doubtful must not be above positive")
        return self


class Night(Strict):
    """When the night runs, and when the list must be there; local time."""

    hour: Clock = "05:00"
    list_time: Clock = "07:30"


class Targets(Strict):
    """What the department sets itself."""

    turnaround_hours: Annotated[float, Field(gt=0, le=2160)] = 24.0


class Disclosure(Strict):
    """Counts from 1 to `small_cell` - 1 are not shown in the site's own report; 1 hides none.

    `export_small_cell` is the same threshold for the aggregates that leave the site.
    """

    small_cell: Annotated[int, Field(ge=1, le=100)] = 1
    export_small_cell: Annotated[int, Field(ge=5, le=100)] = 11


class Site(Strict):
    """One site's file. `site` is the file's name without its ending."""

    site: str
    name: Annotated[str, Field(min_length=1, max_length=120)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Literal["fr", "en"]
    time_zone: str
    sector: Literal["public", "private"]
    opening: Opening = Opening()
    sources: tuple[Source, ...] = Field(min_length=1)
    scope: Scope = Scope()
    model: ModelChoice = ModelChoice()
    night: Night = Night()
    alarms: Alarms = Alarms()
    pacs_link: Annotated[str, Field(pattern=r"^https?://[^\s\"'<>]+$")] | None = None
    targets: Targets = Targets()
    report: Report = Report()
    disclosure: Disclosure = Disclosure()
    evidence: Literal["redacted", "none"] = "redacted"
    ai_seen: Annotated[str, Field(pattern=AI_SEEN)] | None = None
    results: Results = Results()
    partnership: Partnership = Partnership()
    retention: Retention = Retention()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("not an IANA time zone such as Europe/Paris")
        return value

    @field_validator("pacs_link")
    @classmethod
    def _known_fields(cls, value: str | None) -> str | None:
        if value is not None and set(re.findall(r"\{(.*?)\}", value)) - {"study_uid", "accession_number"}:
            raise ValueError("only {study_uid} and {accession_number} can be filled in")
        return value

    @field_validator("sources")
    @classmethod
    def _distinct(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        if len({source.name for source in value}) < len(value):
            raise ValueError("two sources have the same name")
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)

    def gate_settings(self, validated: frozenset[str] = VALIDATED_REGIONS) -> GateSettings:
        """Return what the gate needs to know of this site; `validated` are the regions of its model."""
        chosen = validated if self.scope.regions is None else self.scope.regions
        return GateSettings(time_zone=self.zone, modalities=self.scope.modalities, regions=chosen, ai_seen=self.ai_seen)


class Machine(Strict):
    """`bilan.yaml`: what is the same for all sites of this machine."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    decode_seconds: Annotated[float, Field(gt=0, le=60)] = 8.0
    decode_memory_mb: Annotated[int, Field(ge=128, le=65536)] = 500
    model_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    engine: Literal["torch", "onnx"] = "torch"
    writer_wait_minutes: Annotated[float, Field(ge=0, le=720)] = 30.0
    smtp: Smtp | None = None
    web: Web = Web()
    # Other machines that share the inference; None: this one does it all.
    cluster: Cluster | None = None
    export: Export = Export()
    hub: Hub | None = None
    # Demonstrations only: our own clock reads the site's night hour on the morning after each night.
    simulated_clock: bool = False


@dataclass(frozen=True)
class Config:
    """A home directory with its machine settings and its sites."""

    home: Path
    machine: Machine
    sites: dict[str, Site]

    def site(self, name: str) -> Site:
        """Return one site's settings.

        Raises
        ------
        ConfigError
            If there is no such site; the text lists the sites that exist.
        """
        if name not in self.sites:
            known = ", ".join(sorted(self.sites)) or "none yet"
            raise ConfigError([Problem("sites/", "site", f"no site of this name; known sites: {known}")])
        return self.sites[name]

    def now(self, site: str, day: date) -> datetime:
        """Return our own clock in UTC: what `received`, `ai_completed` and the data cut are told by."""
        if not self.machine.simulated_clock:
            return datetime.now(UTC)
        settings = self.site(site)
        hour, minute = map(int, settings.night.hour.split(":"))
        morning = datetime.combine(day + timedelta(days=1), time(hour, minute), tzinfo=settings.zone)
        return morning.astimezone(UTC)

    def bundle(self, site: str) -> Path:
        """Return the folder of the site's model bundle."""
        return self._folder(self.site(site).model.bundle)

    def shadow(self, site: str) -> Path | None:
        """Return the folder of the bundle in the shadow of the site's own, where it has one."""
        shadow = self.site(site).model.shadow
        return None if shadow is None else self._folder(shadow.bundle)

    def _folder(self, chosen: str) -> Path:
        return embedded(chosen) if chosen in EMBEDDED else (self.home / chosen).resolve()

    def validated_regions(self, site: str) -> frozenset[str]:
        """Return the regions that the site's model was validated on; the embedded one's where it cannot be read."""
        try:
            return frozenset(describe(self.bundle(site))["scope"]["regions"])
        except BundleError:  # the night says so when it comes to the images; they are taken all the same
            return VALIDATED_REGIONS

    def decode_settings(self) -> DecodeSettings:
        """Return the limits of the sandboxed decoder, and what runs the network."""
        machine = self.machine
        return DecodeSettings(machine.workers, machine.decode_seconds, machine.decode_memory_mb, engine=machine.engine)

    @property
    def warehouse(self) -> Path:
        """The writer's database file."""
        return self.home / "data" / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The copy that readers open."""
        return self.home / "data" / "published.duckdb"

    @property
    def identified(self) -> Path:
        """The store that turns a pseudonym into a link for clinicians."""
        return self.home / "data" / "identified.sqlite"

    @property
    def app_store(self) -> Path:
        """The web application's own database: accounts, sessions, verdicts, audit trail."""
        return self.home / "app.sqlite"

    def key(self, site: str) -> Path:
        """Return the file of the site's pseudonym key that is in force."""
        return in_force(self.home / "keys" / f"{site}.key", self.warehouse)

    def spool(self, site: str) -> Path:
        """Return the folder of the site's accepted images, messages and thumbnails."""
        return self.home / "spool" / site

    def quarantine(self, site: str) -> Path:
        """Return the folder of what the site's gate refused."""
        return self.home / "quarantine" / site

    def inbox(self, site: str, source: str) -> Path:
        """Return the folder of what a receiver of the site took and the night has not taken yet."""
        return self.home / "inbox" / site / source

    def landing(self, site: str, source: str) -> Path:
        """Return the folder where what is fetched from a PACS lies until the gate has taken it."""
        return self.spool(site) / "landing" / source

    def list_folder(self, site: str, day: date) -> Path:
        """Return the folder of the flagged list of a day."""
        return self.home / "issued" / site / "lists" / day.isoformat()

    def month_folder(self, site: str, month: str) -> Path:
        """Return the folder of a month's report."""
        return self.home / "issued" / site / "reports" / month


def load(home: Path) -> Config:
    """Read and validate a home directory.

    Raises
    ------
    ConfigError
        With every problem of every file, each naming file, field and remedy.
    """
    problems: list[Problem] = []
    if not (home / "bilan.yaml").is_file():
        remedy = "not found; create a home with `bilan init DIR` and name it with --home or BILAN_HOME"
        raise ConfigError([Problem(str(home / "bilan.yaml"), "file", remedy)])
    machine = _read(home / "bilan.yaml", Machine, {}, problems)
    sites: dict[str, Site] = {}
    for path in sorted((home / "sites").glob("*.yaml")):
        if not SITE_NAME.fullmatch(path.stem):
            problems.append(
                Problem(f"sites/{path.name}", "file", "name it with a-z, 0-9 and - only, at most 41 letters")
            )
            continue
        site = _read(path, Site, {"site": path.stem}, problems)
        if site is not None:
            sites[site.site] = site
    if problems:
        raise ConfigError(problems)
    assert machine is not None  # noqa: S101 - no problem means that it was read
    return Config(home=home.resolve(), machine=machine, sites=sites)


def _read(path: Path, kind: type[T], known: dict[str, Any], problems: list[Problem]) -> T | None:
    name = path.name if path.parent.name != "sites" else f"sites/{path.name}"
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        problems.append(Problem(name, where, strict_yaml.REMEDY))
        return None
    if data is None:
        data = {}
    if not isinstance(data, dict):
        problems.append(Problem(name, "file", "must hold `key: value` lines"))
        return None
    if "site" in data:
        problems.append(Problem(name, "site", "remove it: the file's name is the site's name"))
        return None
    try:
        return kind.model_validate({**data, **known})
    except ValidationError as error:
        problems.extend(_problem(name, kind, item) for item in _causes(error.errors()))
        return None


def _causes(found: Sequence[Any]) -> list[Any]:
    """Leave out lists that are too short only because an item of theirs is refused."""
    refused = [item["loc"] for item in found]
    return [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(other != item["loc"] and other[: len(item["loc"])] == item["loc"] for other in refused)
    ]


def _problem(name: str, kind: type[Strict], item: Any) -> Problem:
    # pydantic puts the kind of a source into the path of a field; the file has no such key.
    where = [part for part in item["loc"] if part not in SOURCE_TYPES]
    field = ".".join(str(part) for part in where) or "file"
    if item["type"] == "extra_forbidden":
        close = _similar(str(item["loc"][-1]), list(kind.model_fields))
        hint = f"; did you mean `{close}`?" if close else ""
        return Problem(name, field, f"unknown key{hint}")
    if item["type"] == "union_tag_invalid":
        return Problem(name, f"{field}.type", f"write one of: {', '.join(SOURCE_TYPES)}")
    if item["type"] in ("missing", "union_tag_not_found"):
        return Problem(name, field, "missing: add it (see the example that `bilan init` writes)")
    if item["type"] == "string_pattern_mismatch" and {"recipients", "mail"} & set(item["loc"]):
        return Problem(name, field, "write one address such as head@hospital.example")
    if item["type"] in ("string_pattern_mismatch", "string_type") and str(item["loc"][-1]) in REMEDIES:
        return Problem(name, field, REMEDIES[str(item["loc"][-1])])
    said = item["msg"].removeprefix("Value error, ")
    return Problem(name, field, said[0].lower() + said[1:])


def _similar(word: str, known: list[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only on a mistake

    matches = get_close_matches(word, known, n=1)
    return matches[0] if matches else None
