"""Body regions as modalities, protocols and radiographers name them."""

import tomllib
from importlib import resources

import pytest

from inference import regions
from inference.settings import VALIDATED_REGIONS


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("HAND", "hand"),
        ("MAIN", "hand"),
        ("Poignet", "wrist"),
        ("CHEVILLE", "ankle"),
        ("GENOU", "knee"),
        ("ÉPAULE", "shoulder"),
        ("AVANT-BRAS", "forearm"),
        ("BRAS", "upper_arm"),
        ("LOWER LEG", "lower_leg"),
        ("LOWER_LEG", "lower_leg"),
        ("TIBIA FIBULA", "lower_leg"),
        ("RADIUS/ULNA", "forearm"),
        ("CSPINE", "spine"),
        ("LSSPINE", "spine"),
        ("T SPINE", "spine"),
        ("CHEST", "chest"),
        ("RIB", "ribs"),
        ("FACIAL BONES", "face"),
        ("EXTREMITY", "limb"),
        ("HANDGELENK", "wrist"),
        ("KNEE LT", "knee"),
        ("LEFT WRIST", "wrist"),
        ("QWERTY", None),
        ("", None),
        ("  ", None),
    ],
)
def test_body_part_examined(text, region):
    assert regions.from_body_part(text) == region


@pytest.mark.parametrize(
    ("texts", "region"),
    [
        (["Radiographie de l'avant-bras gauche"], "forearm"),
        (["RX AVANT PIED DROIT"], "foot"),
        (["Hanche: col du fémur"], "hip"),
        (["femoral neck"], "hip"),
        (["Main de face et oblique"], "hand"),
        (["Cou-de-pied"], "foot"),
        (["membre supérieur : coude"], "elbow"),
        (["membre inférieur"], "limb"),
        (["thorax de face"], "chest"),
        (["", "gril costal droit", "genou"], "ribs"),
        (["poignets droit et gauche"], "wrist"),
        (["handling of the remains"], None),
        (["demain"], None),
        (["2 incidences"], None),
    ],
)
def test_descriptions(texts, region):
    assert regions.from_words(texts) == region


def test_codes_of_anatomic_region_sequences():
    assert regions.from_codes(["T-D8700"]) == "hand"
    assert regions.from_codes(["unknown", "70258002"]) == "ankle"
    assert regions.from_codes(["0"]) is None


def test_every_region_of_the_settings_can_be_named():
    assert regions.regions() >= VALIDATED_REGIONS


def test_no_code_or_word_means_two_regions():
    data = tomllib.loads(resources.files("inference").joinpath("regions.toml").read_text(encoding="utf-8"))
    for kind in ("codes", "words", "snomed"):
        owners = {}
        for region, lists in data.items():
            for word in lists[kind]:
                assert owners.setdefault(word, region) == region, word
