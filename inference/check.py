"""Files judged as the night would judge them, with nothing stored: ``bilan check dicom``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from inference import dicom
from inference.child import Decoders
from inference.records import Instance, Rejection
from inference.settings import DecodeSettings, GateSettings

Judgement = tuple[Path, str, tuple[str, ...]]


def check_dicom(
    paths: Iterable[Path], gate_settings: GateSettings, decode_settings: DecodeSettings, now: datetime
) -> Iterator[Judgement]:
    """Judge DICOM files: gate, duplicates and conflicts among them, then the pixels of images in scope.

    Parameters
    ----------
    paths
        Files, judged in the order given; folders are walked in sorted order.
    now
        Our own clock, aware.

    Yields
    ------
    tuple
        Path, outcome, reason codes (the deciding one first). A file that cannot be opened is
        quarantined as PARSE_ERROR.
    """
    seen: dict[str, str] = {}
    with Decoders(decode_settings) as decoders:
        for path in walked(paths):
            try:
                yield path, *_judge(path, gate_settings, now, seen, decoders)
            except OSError:
                yield path, "quarantined", ("PARSE_ERROR",)


def walked(paths: Iterable[Path]) -> Iterator[Path]:
    """Return files as given and the files below folders in sorted order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(below for below in path.rglob("*") if not below.is_dir())
        else:
            yield path


def _judge(
    path: Path, settings: GateSettings, now: datetime, seen: dict[str, str], decoders: Decoders
) -> tuple[str, tuple[str, ...]]:
    instance = dicom.gate(path, settings, now)
    if isinstance(instance, Rejection):
        return instance.outcome, instance.reasons
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if instance.instance_uid in seen:
        same = seen[instance.instance_uid] == digest
        return ("duplicate", ("DUPLICATE",)) if same else ("conflict", ("UID_CONFLICT",))
    if refused := _undecodable(path, instance, decoders):
        return refused.outcome, refused.reasons
    seen[instance.instance_uid] = digest
    return dicom.outcome(instance)


def _undecodable(path: Path, instance: Instance, decoders: Decoders) -> Rejection | None:
    """Out of scope, nothing is decoded, as in the night."""
    if not instance.in_scope:
        return None
    _, result = next(iter(decoders.map([path])))
    return result if isinstance(result, Rejection) else None
