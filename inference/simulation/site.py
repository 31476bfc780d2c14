"""The simulated sites: who they are, how busy, how fast they report, what their machines write.

All names are invented. Volumes and delays are plausible, not measured anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Device:
    """A radiography machine and the habits of its software.

    `time_from` is the attribute that carries the acquisition time; `region_from` is where the
    body region is written: ``body_part`` (BodyPartExamined), ``sequence`` (AnatomicRegionSequence)
    or ``description`` (ProtocolName and StudyDescription only).
    """

    station: str
    serial: str
    maker: str
    modality: str = "DX"
    transfer_syntaxes: tuple[str, ...] = ("explicit",)
    monochrome1: bool = False
    time_from: str = "AcquisitionDate"
    zone_offset: bool = False
    region_from: str = "body_part"
    in_use_from: date = date.min


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a site's radiologists report. Hours are medians from the end of the examination.

    `urgent` and `routine` are medians within opening hours; outside them a share `on_call` is read
    within `on_call_hours`, the rest after the department opens again.
    """

    urgent: float
    routine: float
    on_call: float
    on_call_hours: float
    preliminary: float
    corrected: float = 0.025
    withdrawn: float = 0.006
    never: float = 0.04
    slow: float = 0.025


@dataclass(frozen=True, slots=True)
class Messages:
    """How a site's RIS writes HL7 v2: character sets (MSH-18 value, Python codec), line ends, framing."""

    charsets: tuple[tuple[str, str], ...]
    line_end: str = "\r"
    offset: bool = False
    batch: float = 0.0
    mllp: float = 0.0
    study_uid: float = 0.5
    formatted_text: bool = False


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of days on which reporting takes `slower` times as long, or volume is `busier`."""

    first: date
    last: date
    slower: float = 1.0
    busier: float = 1.0


@dataclass(frozen=True, slots=True)
class SiteModel:
    """One simulated site. `studies_per_day` is the mean over weekdays and weekends.

    `weekday_weights` and the 24 hourly weights are relative. `classes` gives the share of
    emergency, inpatient and outpatient (HL7 table 0004: E, I, O). `night_hour` is the local hour
    at which a night's work begins: what is sent before it belongs to the night of the day before.
    """

    site: str
    name: str
    country: str
    language: str
    time_zone: str
    sector: str
    opening_start: str
    opening_end: str
    opening_weekdays: tuple[int, ...]
    studies_per_day: float
    weekday_weights: tuple[float, ...]
    hours: tuple[float, ...]
    weekend_hours: tuple[float, ...]
    classes: tuple[tuple[str, float], ...]
    regions: tuple[tuple[str, float], ...]
    devices: tuple[Device, ...]
    reporting: Reporting
    messages: Messages
    fracture_rate: float = 0.17
    miss_rate: float = 0.04
    turnaround_hours: float = 24.0
    contract_studies_per_month: int | None = None
    partner_since: date = date(2025, 10, 1)
    night_hour: str = "05:00"
    accent: str = "#0b6e75"
    markers: tuple[str, str] = ("L", "R")
    spells: tuple[Spell, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)

    def cutoff(self, night: date) -> datetime:
        """Return the instant at which the night of a local day begins its work, on the next morning."""
        hour, minute = map(int, self.night_hour.split(":"))
        return datetime.combine(night + timedelta(days=1), time(hour, minute), tzinfo=self.zone)

    def is_open(self, local: datetime) -> bool:
        """Return whether the department is open at a local time."""
        clock = f"{local:%H:%M}"
        return local.isoweekday() in self.opening_weekdays and self.opening_start <= clock < self.opening_end

    def next_opening(self, local: datetime) -> datetime:
        """Return the next local time at which the department opens, after `local`."""
        hour, minute = map(int, self.opening_start.split(":"))
        day = local.date()
        while True:
            opening = datetime.combine(day, time(hour, minute), tzinfo=self.zone)
            if day.isoweekday() in self.opening_weekdays and opening > local:
                return opening
            day += timedelta(days=1)


_EMERGENCY = (2, 1.4, 1, 0.8, 0.8, 0.9, 1.2, 2, 4, 6, 7, 7, 5.5, 5.5, 6.5, 6.5, 6.5, 6.5, 6, 5.5, 5, 4.5, 3.5, 2.6)
_OFFICE = (0, 0, 0, 0, 0, 0, 0, 1.2, 6, 8, 8.5, 7, 3, 4, 8, 8, 7.5, 6, 3, 0, 0, 0, 0, 0)
_MORNING = (0, 0, 0, 0, 0, 0, 0, 0, 5, 8, 8, 6, 1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_INJURIES = (2.2, 1.6, 1.2, 0.9, 0.8, 0.8, 1, 1.6, 3, 5, 6, 6.5, 6, 6, 6.5, 7, 7, 7, 6.5, 6, 5.5, 5, 4, 3)

_LIMBS = (
    ("wrist", 13), ("ankle", 13), ("hand", 11), ("foot", 10), ("knee", 11), ("shoulder", 9), ("finger", 6),
    ("elbow", 6), ("hip", 5), ("pelvis", 4), ("forearm", 3), ("lower_leg", 3), ("clavicle", 1.5), ("thigh", 1),
    ("upper_arm", 1.5), ("toe", 2),
)  # fmt: skip

SAINT_AUBIN = SiteModel(
    site="saint-aubin",
    name="Hôpital Saint-Aubin",
    country="FR",
    language="fr",
    time_zone="Europe/Paris",
    sector="public",
    opening_start="08:00",
    opening_end="18:30",
    opening_weekdays=(1, 2, 3, 4, 5),
    studies_per_day=19.0,
    weekday_weights=(1.12, 1.04, 1.03, 1.0, 1.08, 0.9, 0.83),
    hours=_EMERGENCY,
    weekend_hours=_INJURIES,
    classes=(("E", 0.66), ("I", 0.14), ("O", 0.20)),
    regions=(*_LIMBS, ("chest", 5), ("spine", 2)),
    devices=(
        Device("SAUB-URG1", "CANARISN41001", "Lumière Imagerie", transfer_syntaxes=("explicit", "jpeg_lossless")),
        Device(
            "SAUB-RX2",
            "CANARISN41002",
            "Lumière Imagerie",
            transfer_syntaxes=("explicit", "jpeg2000"),
            time_from="AcquisitionDateTime",
        ),
        Device(
            "SAUB-MOB",
            "CANARISN41003",
            "Boréal",
            modality="CR",
            transfer_syntaxes=("implicit", "rle"),
            monochrome1=True,
            time_from="ContentDate",
        ),
    ),
    reporting=Reporting(
        urgent=1.6, routine=4.5, on_call=0.45, on_call_hours=1.5, preliminary=0.34, never=0.05, slow=0.03
    ),
    messages=Messages((("8859/1", "iso-8859-1"), ("8859/1", "cp1252")), batch=0.25, study_uid=0.4),
    contract_studies_per_month=600,
    markers=("G", "D"),
)
GROUPE_ARMOR = SiteModel(
    site="groupe-armor",
    name="Imagerie du Groupe Armor",
    country="FR",
    language="fr",
    time_zone="Europe/Paris",
    sector="private",
    opening_start="08:00",
    opening_end="19:00",
    opening_weekdays=(1, 2, 3, 4, 5, 6),
    studies_per_day=15.0,
    weekday_weights=(1.3, 1.2, 1.15, 1.2, 1.25, 0.6, 0.25),
    hours=_OFFICE,
    weekend_hours=_MORNING,
    classes=(("E", 0.12), ("I", 0.02), ("O", 0.86)),
    regions=(*_LIMBS, ("spine", 4)),
    devices=(
        Device(
            "ARMOR-A1",
            "CANARISN52001",
            "Boréal",
            transfer_syntaxes=("jpeg_ls", "explicit"),
            region_from="sequence",
            zone_offset=True,
        ),
        Device(
            "ARMOR-B1",
            "CANARISN52002",
            "Valmont Rayons",
            transfer_syntaxes=("explicit", "deflated"),
            region_from="description",
        ),
        Device(
            "ARMOR-B2",
            "CANARISN52003",
            "Valmont Rayons",
            modality="CR",
            transfer_syntaxes=("explicit",),
            monochrome1=True,
        ),
    ),
    reporting=Reporting(
        urgent=0.5, routine=0.9, on_call=0.1, on_call_hours=2.0, preliminary=0.06, never=0.03, slow=0.02
    ),
    messages=Messages((("UNICODE UTF-8", "utf-8"),), line_end="\n", batch=0.0, study_uid=0.9, formatted_text=True),
    fracture_rate=0.13,
    turnaround_hours=4.0,
    contract_studies_per_month=450,
    partner_since=date(2025, 11, 1),
    accent="#3b4a8c",
    markers=("G", "D"),
)
ST_BRIGID = SiteModel(
    site="st-brigid",
    name="St Brigid's General Hospital",
    country="IE",
    language="en",
    time_zone="Europe/Dublin",
    sector="public",
    opening_start="08:30",
    opening_end="17:30",
    opening_weekdays=(1, 2, 3, 4, 5),
    studies_per_day=14.0,
    weekday_weights=(1.1, 1.02, 1.0, 1.0, 1.04, 0.95, 0.9),
    hours=_EMERGENCY,
    weekend_hours=_INJURIES,
    classes=(("E", 0.72), ("I", 0.1), ("O", 0.18)),
    regions=(*_LIMBS, ("chest", 4)),
    devices=(
        Device(
            "BRIG-ED1",
            "CANARISN63001",
            "Northlight",
            transfer_syntaxes=("jpeg_lossless", "explicit"),
            zone_offset=True,
            time_from="AcquisitionDateTime",
        ),
        Device(
            "BRIG-XR2",
            "CANARISN63002",
            "Northlight",
            modality="CR",
            transfer_syntaxes=("explicit", "big_endian"),
            time_from="SeriesDate",
        ),
    ),
    reporting=Reporting(
        urgent=3.5, routine=9.0, on_call=0.25, on_call_hours=2.5, preliminary=0.28, never=0.06, slow=0.04
    ),
    messages=Messages((("UNICODE UTF-8", "utf-8"),), line_end="\r\n", offset=True, mllp=0.4, study_uid=0.3),
    turnaround_hours=24.0,
    contract_studies_per_month=400,
    partner_since=date(2026, 1, 15),
    accent="#7a3b5e",
)

DEMO_SITES: tuple[SiteModel, ...] = (SAINT_AUBIN, GROUPE_ARMOR, ST_BRIGID)
