"""The gate for DICOM: one file to an `Instance` or a `Rejection`, from its header, nothing decoded.

What makes a file unusable or untrustworthy is refused (broken structure, identifiers that are no
UIDs, pixels that contradict their description, impossible dates, programs in the preamble). What
is valid but unusual passes. What is usable with care passes with flags.

References
----------
DICOM PS3.10 7.1 (file format), PS3.5 9.1 (UIDs), PS3.3 C.7.6.3, C.11.1.
"""

from __future__ import annotations

import re
import stat
from datetime import datetime
from pathlib import Path

from inference import age, lookup, scope
from inference.byte_source import FileSource, opened
from inference.dataset import PIXEL_DATA, DataSet
from inference.dicom_file import read
from inference.free_text import PATIENT_ID, HeaderText, read_text
from inference.moments import Moments, read_moments
from inference.pixel_format import (
    PixelFormat,
    decodable,
    has_pixels,
    judge_pixels,
    known_syntax,
    read_format,
    stream_of,
    unusual,
)
from inference.reasons import REASONS
from inference.records import Instance, Rejection
from inference.settings import GateSettings

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_MEDIA_CLASS, _MEDIA_INSTANCE = 0x00020002, 0x00020003
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"PK\x03\x04",
    b"%PDF",
    b"\0asm",
    b"dex\n",
    b"L\0\0\0\x01\x14\x02\0",  # a shortcut of Windows
    b"\xd0\xcf\x11\xe0",  # an installer or document of Microsoft's
    b"MSCF",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"%!PS",
    b"{\\rtf",
)
_SCRIPT = re.compile(rb"\s*(<script|<\?(php|xml|=)|<html|<!doctype|<svg|@echo|import os|powershell)", re.IGNORECASE)
_AGE = re.compile(r"(\d{3})([DWMY])")


def gate(path: Path, settings: GateSettings, now: datetime) -> Instance | Rejection:
    """Judge one file by its header.

    Parameters
    ----------
    now
        Our own clock, aware: dates later than this (and the tolerance) are refused.

    Returns
    -------
    Instance or Rejection
        The instance's `flags` hold every reason code that applies; see `outcome`.

    Raises
    ------
    OSError
        If the disk or the permissions forbid to read it: the source's trouble, not the file's.
    """
    try:
        return examine(path, settings, now)
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - the last barrier: no file may stop a night, and no text of it may reach a log
        return _refuse(["PARSE_ERROR"])


def examine(path: Path, settings: GateSettings, now: datetime) -> Instance | Rejection:
    """Judge one file as `gate` does, without its last barrier: what tests call to see a mistake of ours."""
    if not stat.S_ISREG(path.stat().st_mode):
        return Rejection("not_dicom", ("NOT_DICOM",))
    with opened(path) as source:
        found = None if source.size > settings.max_file_bytes else read(source)
        if found is None:
            return _not_read(source, settings)
        return judge(found, settings, now)


def _not_read(source: FileSource, settings: GateSettings) -> Rejection:
    if source.size > settings.max_file_bytes and source.read(128, 4) == b"DICM":
        return Rejection("quarantined", ("FILE_TOO_LARGE",))
    return Rejection("not_dicom", ("NOT_DICOM",))


def outcome(instance: Instance) -> tuple[str, tuple[str, ...]]:
    """Return an instance's outcome and the reason codes for it, the deciding one first.

    Codes that merely note something (`accepted` in the table of reasons) change no outcome.
    """
    for name in ("accepted_not_inferred", "accepted_flagged"):
        if any(REASONS[code].outcome == name for code in instance.flags):
            codes = [code for code in instance.flags if REASONS[code].outcome != "accepted"]
            return name, tuple(sorted(codes, key=lambda code: REASONS[code].outcome != name))
    return "accepted", ()


def judge(found: DataSet, settings: GateSettings, now: datetime) -> Instance | Rejection:
    """Judge a data set that was read."""
    problems = _preamble(found) + _structure(found)
    if problems:
        return _refuse(problems)
    sop_class = found.string(_SOP_CLASS)
    if not sop_class and found.file_meta(_MEDIA_CLASS) == scope.MEDIA_DIRECTORY:
        return _directory(found)
    moments = read_moments(found, settings.time_zone, now, settings.future_tolerance_hours)
    form, pixel_problems = _pixels(found, sop_class, settings)
    problems = _cut(found, sop_class) + _uids(found) + pixel_problems
    if lookup.rescale(found) is None or lookup.modality_table(found, form is not None and form.signed) is False:
        problems.append("BAD_RESCALE")
    if moments.wrong:
        problems.append("BAD_DATE")
    return _refuse(problems) if problems else _instance(found, settings, moments, form)


def _refuse(problems: list[str]) -> Rejection:
    return Rejection("quarantined", tuple(dict.fromkeys(problems)))


def _preamble(found: DataSet) -> list[str]:
    """A preamble may make a file a TIFF as well (PS3.10 7.1), never a program or an archive."""
    head = found.preamble
    return ["EXECUTABLE_PREAMBLE"] if head.startswith(_PROGRAMS) or _SCRIPT.match(head) else []


def _structure(found: DataSet) -> list[str]:
    if known_syntax(found.transfer_syntax):
        return list(found.problems)
    if found.problems and not found.transfer_syntax:
        return list(found.problems)
    return ["TS_UNSUPPORTED"] if _is_uid(found.transfer_syntax) else ["BAD_UID", "TS_UNSUPPORTED"]


def _is_uid(text: str) -> bool:
    return len(text) <= 64 and bool(_UID.fullmatch(text))


def _uids(found: DataSet) -> list[str]:
    tags = (_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES)
    return [] if all(_is_uid(found.string(tag)) for tag in tags) else ["BAD_UID"]


def _cut(found: DataSet, sop_class: str) -> list[str]:
    """A file cut between two elements reads well; that its later half is missing gives it away."""
    if not (scope.is_image(sop_class) or not sop_class) or has_pixels(found):
        return []
    return ["TRUNCATED"] if max(found.elements, default=0) < 0x00280000 else []


def _pixels(found: DataSet, sop_class: str, settings: GateSettings) -> tuple[PixelFormat | None, list[str]]:
    radiograph = sop_class in scope.RADIOGRAPHS
    if not has_pixels(found):
        return None, ["NO_PIXEL_DATA"] if scope.is_image(sop_class) or PIXEL_DATA in found.elements else []
    if PIXEL_DATA not in found.elements:  # float pixel data: never a radiograph
        return None, ["BAD_PIXEL_FORMAT"] if radiograph else []
    form, problems = read_format(found)
    if radiograph and not decodable(found.transfer_syntax):
        problems.insert(0, "TS_UNSUPPORTED")
    elif form is not None:
        problems = (unusual(form) if radiograph else []) or judge_pixels(found, form, settings.max_pixels)
    return form, problems


def _directory(found: DataSet) -> Instance | Rejection:
    """A DICOMDIR belongs to no study: it stands for itself."""
    uid = found.file_meta(_MEDIA_INSTANCE)
    if not _is_uid(uid):
        return _refuse(["BAD_UID"])
    return Instance(
        patient_id=None,
        study_uid=uid,
        series_uid=uid,
        instance_uid=uid,
        accession_number=None,
        sop_class_uid=scope.MEDIA_DIRECTORY,
        modality="",
        region=None,
        laterality=None,
        view=None,
        device=None,
        sex=None,
        age_band=None,
        rows=None,
        columns=None,
        bits_stored=None,
        photometric=None,
        transfer_syntax_uid=found.transfer_syntax,
        acquired_at=None,
        acquired_from=None,
        study_at=None,
        in_scope=False,
        flags=("NOT_ELIGIBLE_SOP_CLASS",),
    )


def _instance(found: DataSet, settings: GateSettings, moments: Moments, form: PixelFormat | None) -> Instance:
    text = read_text(found)
    sop_class, modality = found.string(_SOP_CLASS), scope.modality(found)
    where = scope.region(found, text)
    outside = scope.out_of_scope(found, text, where, settings)
    flags = [*outside, *text.flags, *_flags(found, moments, form)]
    return Instance(
        patient_id=text.get(PATIENT_ID).strip() or None,
        study_uid=found.string(_STUDY),
        series_uid=found.string(_SERIES),
        instance_uid=found.string(_SOP_INSTANCE),
        accession_number=text.get(0x00080050).strip() or None,
        sop_class_uid=sop_class,
        modality=modality,
        region=where,
        laterality=_laterality(found),
        view=found.string(0x00185101).upper()[:16] or None,
        device=_device(text),
        sex=_choice(found.string(0x00100040).upper(), "FMO"),
        age_band=_age_band(found, moments),
        rows=form.rows if form else None,
        columns=form.columns if form else None,
        bits_stored=form.bits_stored if form else None,
        photometric=form.photometric if form else None,
        transfer_syntax_uid=found.transfer_syntax,
        acquired_at=moments.acquired_at,
        acquired_from=moments.acquired_from,
        study_at=moments.study_at,
        in_scope=not outside,
        flags=tuple(dict.fromkeys(flags)),
        exam_date=moments.exam_date,
    )


def _flags(found: DataSet, moments: Moments, form: PixelFormat | None) -> list[str]:
    flags = []
    if form is not None and lookup.voi(found, form.signed) is False:
        flags.append("BAD_WINDOW")
    if found.string(0x00280301).upper() == "YES":
        flags.append("BURNED_IN")
    if moments.skewed:
        flags.append("CLOCK_SKEW")
    if moments.ambiguous:
        flags.append("AMBIGUOUS_TIME")
    elif moments.acquired_at is None and moments.study_at is None:
        flags.append("MISSING_TIME")
    if not found.string(PATIENT_ID):
        flags.append("MISSING_PATIENT_ID")
    if form is not None and form.frames > 1:
        flags.append("MULTI_FRAME")
    stream = stream_of(found, form) if form else None
    if found.string(0x00282110) == "01":
        flags.append("LOSSY")
    elif stream is not None and stream.lossy:
        flags.append("LOSSY_UNDECLARED")
    return flags


def _choice(text: str, letters: str) -> str | None:
    return text if len(text) == 1 and text in letters else None


def _laterality(found: DataSet) -> str | None:
    """ImageLaterality where given, else the series' Laterality; U (unpaired) counts as none."""
    return _choice(found.string(0x00200062).upper(), "LRB") or _choice(found.string(0x00200060).upper(), "LRB")


def _device(text: HeaderText) -> str | None:
    return text.get(0x00181000).strip() or text.get(0x00081010).strip() or None


def _age_band(found: DataSet, moments: Moments) -> str | None:
    """Age in full years at the examination, as a band; the birth date itself goes no further."""
    born, day = moments.birth_date, moments.exam_date
    if born is not None and day is not None:
        return age.band_at(born, day)
    if match := _AGE.fullmatch(found.string(0x00101010).upper()):
        return age.band(int(match[1]) // {"D": 365, "W": 52, "M": 12, "Y": 1}[match[2]])
    return None
