"""Bundles through a night: the documented examples, bundles that must be refused, shadows, scope."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import yaml
from PIL import Image, ImageDraw, ImageFont

from inference import description, detect, pixels
from inference.settings import DecodeSettings
from pipelines import cli, config, doctor, night, scoring
from pipelines.config import Config
from warehouse import connect
from warehouse.pseudonym import Pseudonymiser, read_key

pytestmark = pytest.mark.slow
SITE = "saint-aubin"


def run(loaded: Config, day: date, said: list[str] | None = None) -> dict[str, int]:
    night.begin(loaded, SITE, [day])
    night.take_images(loaded, SITE, [day])
    night.take_messages(loaded, SITE, [day])
    counts = night.infer_images(loaded, SITE, [day], (said if said is not None else []).append)
    night.label_reports(loaded, SITE, [day])
    night.assemble(loaded, SITE, [day])
    night.issue_lists(loaded, SITE, [day])
    return counts


def table(loaded: Config, sql: str) -> list[tuple[Any, ...]]:
    with connect.reader(loaded.published) as connection:
        return connection.execute(sql).fetchall()


def settings(loaded: Config, **changes: Any) -> Config:
    """The same home with other settings of its site."""
    path = loaded.home / "sites" / f"{SITE}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes), encoding="utf-8")
    return config.load(loaded.home)


def test_the_documented_bundles_run_through_a_night_one_flagging_one_in_its_shadow(
    toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    flagging, shadow = description.describe(toys / "toy-onnx"), description.describe(toys / "toy-torchscript")
    loaded = make_home(
        model={"bundle": str(toys / "toy-onnx"), "shadow": {"bundle": str(toys / "toy-torchscript")}},
        scope={"regions": ["hand", "wrist", "finger", "ankle", "foot", "knee", "hip", "shoulder", "elbow", "pelvis"]},
    )
    counts = run(loaded, day)
    images = table(loaded, "select count(*) from instance where in_scope")[0][0]
    assert images > 3
    assert counts == {"ok": images, "shadow_ok": images}
    found = table(loaded, "select study_uid, instance_uid, model_name, role, score from finding")
    assert {(name, role) for _, _, name, role, _ in found} == {("toy-onnx", "flag"), ("toy-torchscript", "shadow")}
    scores: dict[str, float] = {}
    for study, image, name, _, score in found:
        # The example's own formula, computed here from the picture: sigmoid(4 x mean grey - 1).
        prepared = pixels.decode(loaded.spool(SITE) / "dicom" / study / f"{image}.dcm", DecodeSettings(model_side=64))
        assert isinstance(prepared, pixels.Prepared)
        square, *_ = detect.letterbox(prepared.image, 64)
        assert score == pytest.approx(1 / (1 + np.exp(1 - 4 * square.mean())), abs=1e-5)
        if name == "toy-onnx":
            scores[study] = max(score, scores.get(study, 0.0))
    # A study's result comes from the highest score over its images, of the flagging model alone.
    studies = table(loaded, "select study_uid, score, ai_result, model_sha256 from study")
    assert {study: score for study, score, _, _ in studies} == scores
    for _, score, result, sha256 in studies:
        expected = "positive" if score >= 0.45 else "doubtful" if score >= 0.3 else "negative"
        assert (result, sha256) == (expected, flagging["sha256"])
    models = table(loaded, "select model_sha256, regions from model order by model_name")
    assert models == [(flagging["sha256"], ["hand", "wrist"]), (shadow["sha256"], ["hand", "wrist"])]
    # Regions that the site switched on, beyond those of the model, are marked on the list.
    flagged = table(loaded, "select region from study where ai_result in ('positive', 'doubtful')")
    outside = sum(region not in ("hand", "wrist") for (region,) in flagged)
    page = (loaded.list_folder(SITE, day) / "list.html").read_text(encoding="utf-8")
    assert outside > 0
    assert page.count("hors du périmètre validé") == outside
    before = table(loaded, "select * from finding order by all")
    assert run(loaded, day) == {}  # a second run finds nothing to score, in either role
    assert table(loaded, "select * from finding order by all") == before
    promoted = settings(loaded, model={"bundle": str(toys / "toy-torchscript")})
    assert run(promoted, day) == {}  # what was flagged keeps its result when the model is changed
    assert table(promoted, "select study_uid, score, ai_result, model_sha256 from study") == studies


def test_an_image_with_text_in_its_pixels_is_judged_but_keeps_no_thumbnail(
    make_home: Callable[..., Config], day: date
) -> None:
    regions = ["hand", "wrist", "finger", "ankle", "foot", "knee", "hip", "shoulder", "elbow", "pelvis"]
    loaded = make_home(scope={"regions": regions})  # the embedded model: the toys' pictures are too small for letters
    written = set()
    for path in sorted(loaded.home.rglob("*.dcm")):
        dataset = pydicom.dcmread(path, force=True)
        syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
        if syntax != pydicom.uid.ExplicitVRLittleEndian or dataset.get("BitsAllocated") != 16 or "Rows" not in dataset:
            continue
        picture = Image.new("L", (dataset.Columns, dataset.Rows))
        font = ImageFont.load_default(dataset.Rows / 20)
        ImageDraw.Draw(picture).text((10, 10), "DUPONT JEAN-PIERRE", fill=255, font=font)
        dark = dataset.PhotometricInterpretation == "MONOCHROME1"
        values = dataset.pixel_array.copy()
        values[np.asarray(picture) > 127] = 0 if dark else 2**dataset.BitsStored - 1
        dataset.PixelData = values.tobytes()
        dataset.save_as(path)
        written.add(str(dataset.SOPInstanceUID))
    assert written
    counts = run(loaded, day)
    rows = table(loaded, "select instance_uid, list_contains(flags, 'TEXT_FOUND') from instance where in_scope")
    assert counts == {"ok": len(rows)}
    blank = {uid for uid, _ in rows if _grey_levels(loaded, uid) == 1}
    key = Pseudonymiser(read_key(loaded.key(SITE)))
    assert (
        blank
        == {uid for uid, found in rows if found}
        == {key.of("instance_uid", uid) for uid in written} & {uid for uid, _ in rows}
    )
    assert blank
    before = table(loaded, "select * from instance order by all")
    assert run(loaded, day) == {}
    assert table(loaded, "select * from instance order by all") == before


def _grey_levels(loaded: Config, uid: str) -> int:
    with Image.open(loaded.spool(SITE) / "thumbnails" / f"{uid}.png") as thumbnail:
        return len(np.unique(np.asarray(thumbnail)))


def test_only_the_models_own_regions_are_in_scope_unless_the_site_says_otherwise(
    toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    loaded = make_home(model={"bundle": str(toys / "toy-onnx")})
    assert loaded.validated_regions(SITE) == {"hand", "wrist"}
    night.begin(loaded, SITE, [day])
    night.take_images(loaded, SITE, [day])
    with connect.writer(loaded.warehouse) as connection:
        rows = connection.execute("select region, in_scope from instance").fetchall()
        refused = "outcome = 'accepted_not_inferred' and reasons[1] = 'NOT_ELIGIBLE_BODY_PART'"
        ((left_out,),) = connection.execute(f"select count(*) from ledger where {refused}").fetchall()
    inside = [region for region, in_scope in rows if in_scope]
    assert set(inside) == {"hand", "wrist"} & {region for region, _ in rows}
    assert left_out == len(rows) - len(inside) > 0


def test_a_damaged_bundle_fails_its_studies_and_the_night_and_is_tried_again_when_mended(
    toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    loaded = make_home(model={"bundle": "bundle"})
    shutil.copytree(toys / "toy-torchscript", loaded.home / "bundle")
    weights = loaded.home / "bundle" / "weights.pt"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    said: list[str] = []
    counts = run(loaded, day, said)
    images, studies = table(loaded, "select count(*), count(distinct study_uid) from instance where in_scope")[0]
    assert counts == {"failed": images}
    assert any("the bundle is refused: weights.pt is not the file that model.json describes" in line for line in said)
    assert table(loaded, "select distinct status, reason, role from finding") == [("failed", "BUNDLE_REFUSED", "flag")]
    assert table(loaded, "select ai_result, count(*) from study group by all") == [("failed", studies)]
    result = night.summary(loaded, SITE, day)
    assert (result["status"], result["error"]) == ("failed", "BUNDLE_REFUSED")
    assert "Le modèle installé n’est pas utilisable" in (loaded.list_folder(SITE, day) / "list.html").read_text()
    weights.write_bytes(whole)
    following = day + timedelta(days=1)
    assert run(loaded, following) == {"ok": images}
    assert table(loaded, "select distinct status, reason from finding") == [("ok", None)]
    assert table(loaded, "select count(*) from study where ai_result in ('positive', 'doubtful', 'negative')") == [
        (studies,)
    ]
    assert night.summary(loaded, SITE, following)["status"] in ("complete", "late")


def test_a_bundle_without_description_loses_no_image_and_no_shadow_fails_the_night(
    toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    loaded = make_home(model={"bundle": "bundle", "shadow": {"bundle": "nowhere"}})
    (loaded.home / "bundle").mkdir()
    counts = run(loaded, day)
    images = table(loaded, "select count(*) from instance where in_scope")[0][0]
    assert images > 0
    assert counts == {"failed": images, "shadow_failed": images}
    before = table(loaded, "select * from finding order by all")
    run(loaded, day)  # failing again as before is no news
    assert table(loaded, "select * from finding order by all") == before
    shutil.copytree(toys / "toy-onnx", loaded.home / "bundle", dirs_exist_ok=True)
    said: list[str] = []
    counts = run(loaded, day, said)
    assert counts == {"ok": counts["ok"], "shadow_failed": counts["shadow_failed"]}
    assert any("the shadow bundle is refused: model.json is missing" in line for line in said)
    assert night.summary(loaded, SITE, day)["status"] in ("complete", "late")


def test_the_bundles_of_a_site_are_those_of_its_file(toys: Path, make_home: Callable[..., Config]) -> None:
    loaded = make_home(model={"bundle": str(toys / "toy-onnx"), "shadow": {"bundle": "embedded"}})
    assert [(bundle.role, bundle.described["name"]) for bundle in scoring.bundles(loaded, SITE)] == [
        ("flag", "toy-onnx"),
        ("shadow", "bilan-fracture"),
    ]


def test_the_doctor_tries_each_bundle_and_says_what_is_wrong(toys: Path, make_home: Callable[..., Config]) -> None:
    loaded = make_home(model={"bundle": str(toys / "toy-onnx"), "shadow": {"bundle": "bundle"}})
    shutil.copytree(toys / "toy-torchscript", loaded.home / "bundle")
    (loaded.home / "bundle" / "weights.pt").write_bytes(b"no model")
    flagging, shadow = doctor.bundles(loaded)
    assert (flagging.name, flagging.ok) == ("bundle of saint-aubin", True)
    assert flagging.found.startswith("toy-onnx 1, ")
    assert (shadow.name, shadow.ok) == ("shadow of saint-aubin", False)
    assert "sha256 differs" in shadow.remedy


def test_the_command_says_why_a_night_failed() -> None:
    result = {"status": "failed", "new": {}, "studies": 6, "flagged": 0, "made": [], "error": "BUNDLE_REFUSED"}
    assert "BUNDLE_REFUSED: The installed model cannot be used" in cli._night_words(result)
    assert "bilan doctor" not in cli._night_words(result | {"status": "complete", "error": None})
