"""The body regions that are simulated: their DICOM words, views and how often they break."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A body region.

    `body_part` is the BodyPartExamined defined term and `snomed` the code of the anatomic region
    (DICOM PS3.16 Annex L, table L-1). `views` are ViewPosition values in the order acquired;
    `breaks` multiplies the site's fracture rate; `paired` regions have a side;
    `feminine` is the French gender.
    """

    name: str
    body_part: str
    snomed: str
    views: tuple[str, ...]
    fr: str
    en: str
    breaks: float = 1.0
    paired: bool = True
    feminine: bool = False
    in_scope: bool = True


REGIONS: dict[str, Region] = {
    region.name: region
    for region in (
        Region("finger", "FINGER", "7569003", ("PA", "LL"), "Doigt", "Finger", 1.3),
        Region("hand", "HAND", "85562004", ("PA", "RAO"), "Main", "Hand", 1.1, feminine=True),
        Region("wrist", "WRIST", "8205005", ("PA", "LL"), "Poignet", "Wrist", 1.6),
        Region("forearm", "FOREARM", "14975008", ("AP", "LL"), "Avant-bras", "Forearm", 1.6),
        Region("elbow", "ELBOW", "16953009", ("AP", "LL"), "Coude", "Elbow", 1.2),
        Region("upper_arm", "UPPERARM", "40983000", ("AP", "LL"), "Humérus", "Humerus", 1.1),
        Region("shoulder", "SHOULDER", "16982005", ("AP", "LL"), "Epaule", "Shoulder", 0.8, feminine=True),
        Region("clavicle", "CLAVICLE", "51299004", ("AP",), "Clavicule", "Clavicle", 1.8, feminine=True),
        Region("pelvis", "PELVIS", "12921003", ("AP",), "Bassin", "Pelvis", 0.7, paired=False),
        Region("hip", "HIP", "24136001", ("AP", "LL"), "Hanche", "Hip", 0.9, feminine=True),
        Region("thigh", "THIGH", "68367000", ("AP", "LL"), "Fémur", "Femur", 0.8),
        Region("knee", "KNEE", "72696002", ("AP", "LL"), "Genou", "Knee", 0.4),
        Region("lower_leg", "LEG", "30021000", ("AP", "LL"), "Jambe", "Tibia and fibula", 1.1, feminine=True),
        Region("ankle", "ANKLE", "70258002", ("AP", "LL"), "Cheville", "Ankle", 1.0, feminine=True),
        Region("foot", "FOOT", "56459004", ("AP", "RAO"), "Pied", "Foot", 0.9),
        Region("toe", "TOE", "29707007", ("AP", "RAO"), "Orteil", "Toe", 1.2),
        Region("chest", "CHEST", "51185008", ("PA",), "Thorax", "Chest", 0.0, paired=False, in_scope=False),
        Region(
            "spine",
            "LSPINE",
            "122496007",
            ("AP",),
            "Rachis lombaire",
            "Lumbar spine",
            0.0,
            paired=False,
            in_scope=False,
        ),
    )
}


def described(region: str, laterality: str | None, language: str) -> str:
    """Return what a RIS calls the examination, such as ``Cheville droite`` or ``Left ankle``."""
    words = REGIONS[region].fr if language == "fr" else REGIONS[region].en
    if laterality is None:
        return f"Radiographie {words}" if language == "fr" else f"XR {words}"
    if language == "fr":
        right = "droite" if REGIONS[region].feminine else "droit"
        return f"Radiographie {words} {'gauche' if laterality == 'L' else right}"
    return f"XR {words} {'left' if laterality == 'L' else 'right'}"
