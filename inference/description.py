"""`model.json`: what a bundle says of itself, read and checked without loading its weights.

Nothing here needs PyTorch: the gate, the command line and the reports ask for a bundle's scope and
operating points, and only the process that runs the model loads it (`inference.bundle`).
"""

from __future__ import annotations

import hashlib
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

from inference import regions
from inference.errors import BundleError

FORMATS = ("safetensors", "torchscript", "onnx")
TASKS = ("fracture",)
EMBEDDED = {"embedded": "default", "embedded-int8": "int8"}
"""Bundles shipped with the package, by the name that a site's file calls them, and their folders."""

# Field -> type; a tuple of names is a nested object with exactly these fields.
_FIELDS: dict[str, type] = {
    "name": str,
    "version": str,
    "task": str,
    "format": str,
    "architecture": str,
    "weights": str,
    "sha256": str,
    "input": dict,
    "calibration": dict,
    "operating_points": dict,
    "localisation": dict,
    "scope": dict,
    "training": dict,
    "performance": dict,
}
_NESTED: dict[str, dict[str, type]] = {
    "input": {"size": int, "channels": int, "mean": float, "std": float, "flip": bool},
    "calibration": {"slope": float, "intercept": float},
    "operating_points": {"doubtful": float, "positive": float},
    "localisation": {"threshold": float},
    "scope": {"regions": list},
    "training": {"data": list, "recipe": dict, "hours": float},
}
_DATA: dict[str, type] = {"name": str, "licence": str, "credit": str}


def embedded(name: str = "embedded") -> Path:
    """Return the folder of a bundle that is shipped with the package, by its name in :data:`EMBEDDED`."""
    return Path(str(resources.files("inference") / "models" / EMBEDDED[name]))


def describe(path: Path) -> dict[str, Any]:
    """Read and check ``model.json`` of a bundle without loading its weights.

    Raises
    ------
    BundleError
        A file is missing or unreadable, or a field is missing, unknown or malformed. The text names the
        field and the remedy.
    """
    file = path / "model.json"
    try:
        description = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise BundleError("model.json is missing: the bundle's path must be a folder that holds it.") from None
    except (OSError, ValueError):
        raise BundleError("model.json cannot be read as JSON: install the bundle again, or correct the file.") from None
    _check_fields("model.json", description, _FIELDS)
    for name, fields in _NESTED.items():
        _check_fields(name, description[name], fields)
    for entry in description["training"]["data"]:
        _check_fields("training.data", entry, _DATA)
    _check_values(description)
    return dict(description)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_fields(where: str, given: Any, fields: dict[str, type]) -> None:
    if not isinstance(given, dict):
        raise BundleError(f"{where} must be a JSON object: see docs/models.md.")
    missing, unknown = sorted(fields.keys() - given.keys()), sorted(given.keys() - fields.keys())
    if missing:
        raise BundleError(f"{where} lacks {', '.join(missing)}: add it as docs/models.md says.")
    if unknown:
        raise BundleError(
            f"{where} has fields that this version does not know ({len(unknown)}): remove them, "
            "or install the version of Bilan that the bundle was made for."
        )
    for name, kind in fields.items():
        value = given[name]
        number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        exact = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not (exact or number):
            raise BundleError(f"{where}: {name} must be of type {kind.__name__}: correct it.")
        if kind is float and not math.isfinite(value):
            raise BundleError(f"{where}: {name} must be a finite number: correct it.")


def _check_values(description: dict[str, Any]) -> None:
    given, points = description["input"], description["operating_points"]
    problems = {
        f"task must be one of {', '.join(TASKS)}": description["task"] not in TASKS,
        f"format must be one of {', '.join(FORMATS)}": description["format"] not in FORMATS,
        "weights must be a file name beside model.json": Path(description["weights"]).name != description["weights"]
        or description["weights"] in ("", ".", ".."),
        "name and version must not be empty": not (description["name"] and description["version"]),
        "input.size must be a multiple of 32 from 32 to 4096": given["size"] % 32 != 0
        or not 32 <= given["size"] <= 4096,
        "input.channels must be 1 or 3": given["channels"] not in (1, 3),
        "input.std must be greater than 0": given["std"] <= 0,
        "calibration.slope must be greater than 0": description["calibration"]["slope"] <= 0,
        "operating_points must satisfy 0 < doubtful <= positive < 1": not (
            0 < points["doubtful"] <= points["positive"] < 1
        ),
        "scope.regions must be names of regions that Bilan knows": not all(
            isinstance(region, str) and region in regions.regions() for region in description["scope"]["regions"]
        ),
        "localisation.threshold must lie between 0 and 1": not (0 < description["localisation"]["threshold"] < 1),
    }
    for problem, present in problems.items():
        if present:
            raise BundleError(f"model.json: {problem}: correct it as docs/models.md says.")
