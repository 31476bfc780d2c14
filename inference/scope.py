"""Is an image in scope? Kind of object, modality, body region, derived images, phantoms.

References
----------
DICOM PS3.4 B.5 (storage SOP classes), PS3.3 C.7.6.1.1.2 (Image Type), PS3.16 Annex L.
"""

from __future__ import annotations

import re

from inference import regions
from inference.dataset import DataSet
from inference.free_text import (
    PATIENT_ID,
    PATIENT_NAME,
    PROCESSING,
    PROTOCOL,
    REQUEST_DESCRIPTION,
    SERIES_DESCRIPTION,
    STEP_DESCRIPTION,
    STUDY_DESCRIPTION,
    HeaderText,
)
from inference.settings import GateSettings

_IMAGES = "1.2.840.10008.5.1.4.1.1."
# Projection radiography: CR, DX, mammography, intra-oral (each for presentation or processing),
# X-ray angiography, radiofluoroscopy, their enhanced forms, and retired bi-plane angiography.
RADIOGRAPHS = frozenset(
    _IMAGES + kind
    for kind in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "12.1", "12.1.1", "12.2", "12.2.1", "12.3")
)
_SECONDARY_CAPTURE = re.compile(re.escape(_IMAGES) + r"7(\.[1-4])?")
_OTHER_IMAGES = re.compile(
    re.escape(_IMAGES) + r"(2(\.[12])?|3(\.1)?|4(\.[134])?|5|6(\.[123])?|7(\.[1-4])?|13\.1\.[1-5]|14\.[12]|20|66\.4"
    r"|77\.1\.[1-9](\.\d+)?|128(\.1)?|130|481\.[12]|30)"
)
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_SOP_CLASS, _MODALITY = 0x00080016, 0x00080060
_IMAGE_TYPE, _QUALITY_CONTROL, _BODY_PART, _ANATOMIC, _CODE_VALUE, _CODE_MEANING = (
    0x00080008,
    0x00280300,
    0x00180015,
    0x00082218,
    0x00080100,
    0x00080104,
)
_PROTOCOL_TEXTS = (PROTOCOL, PROCESSING, SERIES_DESCRIPTION, STEP_DESCRIPTION, REQUEST_DESCRIPTION, STUDY_DESCRIPTION)
_TEST_WORDS = frozenset(
    {
        "test",
        "tests",
        "testpatient",
        "phantom",
        "phantoms",
        "fantome",
        "fantomes",
        "dummy",
        "qc",
        "qualitycontrol",
        "cq",
    }
)
_TEST_PHRASES = re.compile(
    r"\b(phantom|fantome|quality control|controle (de )?qualite|patient (de )?test|test (patient|object)|leeds test)\b"
)


def is_image(sop_class: str) -> bool:
    """Whether objects of a SOP class are images and so must hold pixels."""
    return sop_class in RADIOGRAPHS or bool(_OTHER_IMAGES.fullmatch(sop_class))


def region(dataset: DataSet, text: HeaderText) -> str | None:
    """Return the body region: BodyPartExamined, else the anatomic region's code or meaning, else the texts.

    A limb without its part ("EXTREMITY") gives way to a part that one of the later places names.
    """
    found = [regions.from_body_part(dataset.string(_BODY_PART))]
    for item in dataset.items(_ANATOMIC):
        found.append(regions.from_codes([item.string(_CODE_VALUE)]))
        found.append(regions.from_words([item.string(_CODE_MEANING)]))
    found.append(regions.from_words(text.get(tag) for tag in _PROTOCOL_TEXTS))
    named = [name for name in found if name is not None]
    if not named or named[0] != "limb":
        return named[0] if named else None
    return next((name for name in named if name in LIMB_PARTS), "limb")


LIMB_PARTS = frozenset(
    {"finger", "hand", "wrist", "forearm", "elbow", "upper_arm", "shoulder", "clavicle"}
    | {"hip", "thigh", "knee", "lower_leg", "ankle", "foot", "toe"}
)


def modality(dataset: DataSet) -> str:
    """Return the modality in capitals, empty when not given."""
    return dataset.string(_MODALITY).upper()


def out_of_scope(dataset: DataSet, text: HeaderText, where: str | None, settings: GateSettings) -> list[str]:
    r"""Return why an image is not inferred, the deciding code first; empty when it is in scope.

    ImageType DERIVED\PRIMARY is the ordinary product of a digital detector and in scope; a second
    value of SECONDARY (made from other images after the examination) is not.
    """
    sop_class = dataset.string(_SOP_CLASS)
    if _SECONDARY_CAPTURE.fullmatch(sop_class):
        return ["DERIVED_IMAGE", "NOT_ELIGIBLE_SOP_CLASS"]
    if sop_class not in RADIOGRAPHS:
        other = is_image(sop_class) and modality(dataset) not in settings.modalities
        return ["NOT_ELIGIBLE_MODALITY", "NOT_ELIGIBLE_SOP_CLASS"] if other else ["NOT_ELIGIBLE_SOP_CLASS"]
    codes = []
    if _is_derived(dataset):
        codes.append("DERIVED_IMAGE")
    if _is_test(dataset, text):
        codes.append("TEST_PATIENT")
    if modality(dataset) not in settings.modalities:
        codes.append("NOT_ELIGIBLE_MODALITY")
    if where is None or where not in settings.regions:
        codes.append("NOT_ELIGIBLE_BODY_PART")
    return codes


def _is_derived(dataset: DataSet) -> bool:
    kind = [value.upper() for value in dataset.strings(_IMAGE_TYPE)]
    return kind[1:2] == ["SECONDARY"] or (kind[:1] == ["DERIVED"] and kind[1:2] != ["PRIMARY"])


def _is_test(dataset: DataSet, text: HeaderText) -> bool:
    if dataset.string(_QUALITY_CONTROL).upper() == "YES":
        return True
    name = regions.plain(text.get(PATIENT_NAME).replace("^", " "))
    if _TEST_WORDS & set(name.split()) or name.startswith(("zz test", "zztest", "zzz")):
        return True
    number = regions.plain(text.get(PATIENT_ID)).split()
    if number[:1] and (
        number[0] in {"phantom", "fantome", "testpatient"} or number in (["test"], ["test", "patient"], ["qc"])
    ):
        return True
    described = " ".join(text.get(tag) for tag in _PROTOCOL_TEXTS) + " " + dataset.string(_BODY_PART)
    return bool(_TEST_PHRASES.search(regions.plain(described)))
