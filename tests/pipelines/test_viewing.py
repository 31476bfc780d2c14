"""What the screens show from the spool: pixels as they are stored, pictures, reports; nothing by another name."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from pipelines import config, demo, messages, viewing
from pipelines.viewing import Viewing
from warehouse import connect, pending, publish
from warehouse.pseudonym import Pseudonymiser, read_key
from warehouse.published import Published

SITE, STUDY, IMAGE = "saint-aubin", "a" * 32, "b" * 32
VALUES = (np.arange(24, dtype=np.uint16) * 170).reshape(4, 6)
NAMES = ("../../keys/saint-aubin", "a/b", "", "B" * 32, "b" * 31, "b" * 33, "b" * 31 + "\n", "%2e%2e")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Viewing]:
    demo.create(tmp_path / "home", lambda _: None)
    found = config.load(tmp_path / "home")
    connect.migrate(found.warehouse)
    publish.publish(found.warehouse, found.published)
    made = Viewing(found, Published(found.published))
    yield made
    made.close()


def spool(view: Viewing) -> Path:
    return view._config.spool(SITE)


def write(view: Viewing, name: str = IMAGE) -> Path:
    """Put a radiograph of 12 bits into the spool."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3.4"
    image.PatientName = "CANARY^JEAN"
    image.Rows, image.Columns = VALUES.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.WindowCenter, image.WindowWidth = "2048", "4096"
    image.PixelData = VALUES.tobytes()
    path = spool(view) / "dicom" / STUDY / f"{name}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path


def test_pixels_come_in_full_depth_with_how_to_read_them_and_no_name(view: Viewing) -> None:
    path = write(view)
    shown = view.pixels(SITE, STUDY, IMAGE)
    assert shown is not None
    head = dict(shown.head)
    assert (head["rows"], head["columns"], head["bits"], head["photometric"]) == (4, 6, 16, "MONOCHROME2")
    found = np.frombuffer(gzip.decompress(shown.compressed), "<u2").reshape(4, 6)
    # Equal up to the scale of storage: differences of neighbours are all alike.
    assert np.array_equal(found - found.min(), VALUES * (int(found.max()) // int(VALUES.max()) or 1))
    assert head["low"] < head["high"]
    assert "CANARY" not in repr(head) and b"CANARY" not in gzip.decompress(shown.compressed)
    # It is kept: the next reader does not decode it again.
    path.unlink()
    assert view.pixels(SITE, STUDY, IMAGE) is shown


def test_the_oldest_images_are_let_go(view: Viewing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "KEPT_BYTES", 1)
    for name in (IMAGE, "c" * 32):
        write(view, name)
        assert view.pixels(SITE, STUDY, name) is not None
    assert [name for _, name in view._kept] == ["c" * 32]


def test_what_is_missing_broken_or_hostile_is_none(view: Viewing) -> None:
    assert view.pixels(SITE, STUDY, IMAGE) is None
    path = write(view)
    path.write_bytes(path.read_bytes()[:200])
    assert view.pixels(SITE, STUDY, IMAGE) is None
    path.write_bytes(b"CANARY" * 1000)
    assert view.pixels(SITE, STUDY, IMAGE) is None


@pytest.mark.parametrize("name", NAMES)
def test_only_pseudonyms_name_files(view: Viewing, name: str) -> None:
    write(view)
    for picture in (view.thumbnail, view.heat):
        assert picture(SITE, name) is None
    assert view.pixels(SITE, STUDY, name) is None
    assert view.pixels(SITE, name, IMAGE) is None


def test_pictures_are_those_that_the_night_kept(view: Viewing) -> None:
    assert view.thumbnail(SITE, IMAGE) is None and view.heat(SITE, IMAGE) is None
    folder = spool(view) / "thumbnails"
    folder.mkdir(parents=True)
    (folder / f"{IMAGE}.png").write_bytes(b"small")
    (folder / f"{IMAGE}.heat.png").write_bytes(b"heat")
    assert (view.thumbnail(SITE, IMAGE), view.heat(SITE, IMAGE)) == (b"small", b"heat")
    assert view.thumbnail("westbrook", IMAGE) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Poignet droit.\nPas de fracture.\nFin.", "Pas de fracture"),
        ("<p>Poignet droit.</p><p>Pas de <b>fracture</b>.</p>", "Pas de fracture"),
        ("Échographie hépatique normale.", None),
    ],
)
def test_a_report_comes_without_markup_and_with_its_deciding_sentence(
    view: Viewing, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str | None
) -> None:
    mask = Pseudonymiser(read_key(view._config.key(SITE)))  # type: ignore[arg-type]
    wanted = mask.of("message_id", "MSG-1")
    events: list[Any] = [SimpleNamespace(message_id=name, text=text) for name in ("MSG-0", "MSG-1")]
    monkeypatch.setattr(pending, "files", lambda connection, site, ids: dict.fromkeys(ids, "f" * 32))
    monkeypatch.setattr(messages, "reports", lambda found, site, content: events)
    shown = view.report_text(SITE, wanted)
    assert shown is not None and "<" not in shown.text
    marked = None if shown.start is None else " ".join(shown.text[shown.start : shown.end].split())
    assert marked == sentence
    # Its file holds other reports too: one that is not there is not another.
    assert view.report_text(SITE, "9" * 32) is None
    monkeypatch.setattr(pending, "files", lambda connection, site, ids: {})
    assert view.report_text(SITE, wanted) is None
