"""What may leave a site: one month's aggregates, field by field, as a published schema.

`Aggregates` is the allow-list. What it does not name can neither be sent nor be taken: its models forbid
every other field. ``python -m warehouse.aggregates`` writes the JSON Schema that ships with the package,
``warehouse/schemas/aggregates-1.json``; with ``--check`` it says whether that file is up to date.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from warehouse.disclosure import Layout, Table

SCHEMA = "bilan-aggregates/1"
SCHEMA_FILE = "aggregates-1.json"
GENESIS = "0" * 64
REGIONS = (
    "finger", "hand", "wrist", "forearm", "elbow", "upper_arm", "shoulder", "clavicle", "pelvis", "hip", "thigh",
    "knee", "lower_leg", "ankle", "foot", "toe", "limb", "other", "unknown",
)  # fmt: skip
CLASSES = ("emergency", "inpatient", "outpatient", "other", "unknown")
COMPARED = ("fracture", "no_fracture", "not_compared")
FILES = ("accepted", "accepted_flagged", "accepted_not_inferred", "duplicate", "conflict", "quarantined", "not_dicom")
MESSAGES = ("accepted", "accepted_flagged", "unmatched", "duplicate", "conflict", "quarantined", "not_hl7")
# Upper edges of the bins, hours. They are the same at every site and in every month, so that histograms add up.
WITHIN_A_DAY = {"up_to_1": 1.0, "up_to_4": 4.0, "up_to_12": 12.0, "up_to_24": 24.0}
LATER = {"up_to_48": 48.0, "up_to_168": 168.0, "over_168": float("inf")}
VERDICT_HOURS = {"up_to_8": 8.0, "up_to_24": 24.0, "up_to_72": 72.0, "over_72": float("inf")}

LAYOUT: Layout = {
    "studies": Table(),
    "studies_by_region": Table(REGIONS, ("studies", "all")),
    "studies_by_patient_class": Table(CLASSES, ("studies", "all")),
    # Two large cells before the rare ones: a handful of failures must not withhold the flagged studies.
    "studies_by_ai_result": Table(("flagged", "not_flagged"), ("studies", "all")),
    "flagged_by_result": Table(("positive", "doubtful"), ("studies_by_ai_result", "flagged")),
    "flagged_by_report": Table(COMPARED, ("studies_by_ai_result", "flagged")),
    "not_flagged_by_result": Table(("negative", "failed", "not_processed"), ("studies_by_ai_result", "not_flagged")),
    "not_flagged_by_report": Table(COMPARED, ("studies_by_ai_result", "not_flagged")),
    "studies_by_turnaround": Table(("within_24_hours", "not_within_24_hours"), ("studies", "all")),
    "within_24_hours": Table(tuple(WITHIN_A_DAY), ("studies_by_turnaround", "within_24_hours")),
    "not_within_24_hours": Table(("later", "unreported", "unusable"), ("studies_by_turnaround", "not_within_24_hours")),
    "later": Table(tuple(LATER), ("not_within_24_hours", "later")),
    "files": Table(),
    "files_by_outcome": Table(FILES, ("files", "all")),
    "messages": Table(),
    "messages_by_outcome": Table(MESSAGES, ("messages", "all")),
    "sign_ins": Table(),
    "cases_opened": Table(),
    "judged": Table(),
    "judged_by_hours": Table(tuple(VERDICT_HOURS), ("judged", "all")),
}

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=0, le=10**9)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _cells(name: str, table: Table) -> type[_Strict]:
    fields: dict[str, Any] = {
        cell: (Number | None, Field(description="A count; null: withheld")) for cell in table.cells
    }
    return create_model(name.title().replace("_", ""), __base__=_Strict, **fields)


_TABLES: dict[str, Any] = {name: (_cells(name, table), ...) for name, table in LAYOUT.items()}
Tables: type[_Strict] = create_model("Tables", __base__=_Strict, **_TABLES)


class Model(_Strict):
    """A model in use in the month: its name and version, in the order of first use."""

    name: Annotated[str, Field(max_length=80)]
    version: Annotated[str, Field(max_length=40)]


class Nights(_Strict):
    """Nights of the month by how they went; `missed_at_end`: how many in a row were missed at the end."""

    complete: Annotated[int, Field(ge=0, le=31)]
    late: Annotated[int, Field(ge=0, le=31)]
    failed: Annotated[int, Field(ge=0, le=31)]
    running: Annotated[int, Field(ge=0, le=31)]
    missed: Annotated[int, Field(ge=0, le=31)]
    missed_at_end: Annotated[int, Field(ge=0, le=31)]


class Alarms(_Strict):
    """What went wrong on the machine in the month: steps of nights that failed, stores that were restored."""

    failed_steps: Annotated[int, Field(ge=0, le=1000)]
    restored: Annotated[int, Field(ge=0, le=1000)]


class Aggregates(_Strict):
    """One month of one site, as it leaves the hospital: counts, of which small ones are withheld. No patient.

    `seq` counts what this site has sent, `previous` is the SHA-256 of what it sent before (64 zeros for the
    first). `month` is ``YYYY-MM``. `made_on` is a day. `images` is rounded to tens.
    """

    schema_name: Annotated[Literal["bilan-aggregates/1"], Field(alias="schema")]
    site: Annotated[str, Field(pattern="^[a-z0-9-]{1,41}$")]
    seq: Annotated[int, Field(ge=1, le=10**6)]
    previous: Hash
    month: Annotated[str, Field(pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    restates: bool
    made_on: Annotated[str, Field(pattern="^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
    data_cut: Annotated[str, Field(pattern="^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
    program: Annotated[str, Field(pattern="^[0-9A-Za-z.+-]{1,40}$")]
    small_cell: Annotated[int, Field(ge=5, le=100)]
    turnaround_target_hours: Annotated[float, Field(gt=0, le=2160)]
    images: Number | None
    tables: Tables  # type: ignore[valid-type]
    models: Annotated[tuple[Model, ...], Field(max_length=20, strict=False)]
    nights: Nights
    alarms: Alarms


def as_bytes(content: dict[str, Any]) -> bytes:
    """Return aggregates as the bytes that are signed: JSON, sorted keys, no blanks, UTF-8.

    Raises
    ------
    pydantic.ValidationError
        If anything is not as the schema says: nothing else can leave.
    """
    Aggregates.model_validate(content)
    return canonical(content)


def canonical(content: dict[str, Any]) -> bytes:
    """Return content as the one text that it can be signed as."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def schema() -> str:
    """Return the JSON Schema as it is published."""
    found = Aggregates.model_json_schema(by_alias=True)
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", **found}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


@cache
def published_schema() -> str:
    """Return the schema file that ships with the package."""
    return resources.files("warehouse").joinpath("schemas", SCHEMA_FILE).read_text(encoding="utf-8")


def schema_sha256() -> str:
    """Return the hash of that file: what an approval names."""
    return hashlib.sha256(published_schema().encode()).hexdigest()


def main(arguments: list[str]) -> int:
    """Write the schema files below the current folder, or with ``--check`` compare them."""
    from warehouse import returned, status  # noqa: PLC0415 - their schemas are written along

    folder = Path("warehouse") / "schemas"
    wanted = {
        folder / SCHEMA_FILE: schema(),
        folder / returned.SCHEMA_FILE: returned.schema(),
        folder / status.SCHEMA_FILE: status.schema(),
    }
    if "--check" in arguments:
        same = (path.exists() and path.read_text(encoding="utf-8") == text for path, text in wanted.items())
        return 0 if all(same) else 1
    folder.mkdir(exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
