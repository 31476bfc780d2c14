"""A night over a real PACS finds what a night over a folder finds."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from pipelines import night, results
from pipelines.config import Config
from pipelines.result_settings import Results
from warehouse import connect

DAY = date(2026, 10, 20)
NEXT = DAY + timedelta(days=1)
SITE = "saint-aubin"
FINDINGS = "select * exclude (ai_completed) from finding order by all"
STUDIES = "select study_uid, day, region, images, ai_result, report_state from study order by all"
LEDGER = "select kind, outcome, reasons, instance_uid from ledger where kind = 'dicom' order by all"

sr = pytest.importorskip("highdicom.sr", reason="extra [results]")

pytestmark = [pytest.mark.real, pytest.mark.slow]


def rows(loaded: Config, sql: str) -> list[tuple[Any, ...]]:
    with connect.reader(loaded.published) as connection:
        return connection.execute(sql).fetchall()


def take(loaded: Config, day: date) -> int:
    night.begin(loaded, SITE, [day])
    said: list[str] = []
    taken = night.take_images(loaded, SITE, [day], said.append)
    assert [text for text in said if "source" in text] == []
    return sum(taken.values())


def finish(loaded: Config, day: date) -> None:
    night.take_messages(loaded, SITE, [day])
    night.infer_images(loaded, SITE, [day])
    night.label_reports(loaded, SITE, [day])
    night.assemble(loaded, SITE, [DAY, day])


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def other_modality(path: Path) -> bytes:
    """Return a CT image in the study of this radiograph."""
    found = dcmread(path)
    found.Modality = "CT"
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = "2.25.99"
    found.SeriesInstanceUID = "2.25.98"
    written = io.BytesIO()
    found.save_as(written)
    return written.getvalue()


@pytest.fixture(scope="session")
def of_folder(
    tmp_path_factory: pytest.TempPathFactory, delivery: Any, make_home_at: Callable[..., Config]
) -> dict[str, list[tuple[Any, ...]]]:
    """What the night finds whose images come from a folder."""
    folder = {"name": "pacs", "type": "folder", "path": str(delivery.images), "content": "dicom", "stable_seconds": 0}
    loaded = make_home_at(tmp_path_factory.mktemp("folder"), folder)
    take(loaded, DAY)
    finish(loaded, DAY)
    return {sql: rows(loaded, sql) for sql in (FINDINGS, STUDIES, LEDGER)}


def source(orthanc: Any, secret: Path, kind: str) -> dict[str, Any]:
    secret.write_text("secret\n")
    if kind == "dicomweb":
        login = {"kind": "basic", "user": "bilan", "secret": {"file": str(secret)}}
        # Fewer than there are studies, so that pages follow each other.
        return {
            "name": "pacs",
            "type": "dicomweb",
            "url": f"{orthanc.url}/dicom-web",
            "login": login,
            "page_size": 2,
        }
    dimse = {"name": "pacs", "type": "dimse", "host": "127.0.0.1", "port": orthanc.dicom, "ae_title": "ORTHANC"}
    if kind == "move":
        return {**dimse, "retrieve": "move", "move_to": {"listen": "127.0.0.1", "port": orthanc.move_to}}
    return dimse


@pytest.mark.parametrize("kind", ["dicomweb", "get", "move"])
def test_a_night_over_a_pacs_finds_what_a_night_over_a_folder_finds(
    orthanc: Any,
    delivery: Any,
    make_home_at: Callable[..., Config],
    of_folder: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
    kind: str,
) -> None:
    sent = files(delivery.images)
    # A radiograph of this day comes a night late; a CT of the same study is never asked for.
    late, *in_time = sent
    for path in in_time:
        orthanc.upload(path.read_bytes())
    orthanc.upload(other_modality(in_time[0]))
    loaded = make_home_at(tmp_path / "home", source(orthanc, tmp_path / "secret", kind))
    assert take(loaded, DAY) == len(in_time)
    orthanc.upload(late.read_bytes())
    assert take(loaded, NEXT) == 1, "what was fetched before is not fetched again"
    # C-GET and C-MOVE differ in how an object comes, not in what becomes of it.
    if kind == "move":
        night.assemble(loaded, SITE, [DAY, NEXT])
    else:
        finish(loaded, NEXT)
    assert len(of_folder[FINDINGS]) > 3
    for sql in (LEDGER,) if kind == "move" else (LEDGER, STUDIES, FINDINGS):
        assert rows(loaded, sql) == of_folder[sql]
    states = rows(loaded, "select status, error from night")
    assert {status for status, _ in states} == {"complete"}, states
    landing = loaded.landing(SITE, "pacs")
    assert [path.name for path in files(landing)] == ["asked"], "nothing is left behind"
    if kind != "move":
        results_go_back_and_are_never_read(orthanc, loaded, kind)


def results_go_back_and_are_never_read(orthanc: Any, loaded: Config, kind: str) -> None:
    site = loaded.site(SITE)
    given = source(orthanc, loaded.home / "secret", kind)
    names = ("type", "url", "login") if kind == "dicomweb" else ("type", "host", "port", "ae_title")
    to = {name: given[name] for name in names}
    everything = ["positive", "doubtful", "negative"]
    wanted = {"objects": {"to": to, "of": everything}}
    loaded.sites[SITE] = site.model_copy(update={"results": Results.model_validate(wanted)})
    told = "select count(*) from study where ai_result in ('positive', 'doubtful', 'negative')"
    ((studies,),) = rows(loaded, told)
    before = rows(loaded, LEDGER)
    images = len(orthanc.ask("instances"))
    assert studies > 0
    said: list[str] = []
    assert results.send(loaded, SITE, [NEXT], said.append) == {"objects_sent": studies}, said
    assert results.send(loaded, SITE, [NEXT]) == {}, "each result is sent once"
    reports = [entry for entry in orthanc.ask("series?expand") if entry["MainDicomTags"]["Modality"] == "SR"]
    assert len(reports) == studies
    for entry in reports:
        (instance,) = entry["Instances"]
        content = io.BytesIO(orthanc.file(instance))
        read = sr.srread(content)
        assert read.content.get_image_measurement_groups()
        # It belongs to the patient and the study that the PACS knows.
        study = orthanc.ask(f"series/{entry['ID']}/study")
        assert study["PatientMainDicomTags"]["PatientID"] == read.PatientID
        assert study["MainDicomTags"]["StudyInstanceUID"] == read.StudyInstanceUID
        assert len(study["Series"]) > 1
    boxed = rows(loaded, "select count(*) from finding where len(boxes) > 0")[0][0]
    assert len(orthanc.ask("instances")) == images + studies + boxed
    # The next night over the same PACS: our own objects are no studies, no images, no offers.
    assert take(loaded, NEXT) == 0
    night.assemble(loaded, SITE, [NEXT])
    assert rows(loaded, LEDGER) == before
    assert rows(loaded, told) == [(studies,)]


@pytest.mark.parametrize("kind", ["dicomweb", "get"])
def test_what_orthanc_corrected_or_deleted_is_noticed(
    orthanc: Any, delivery: Any, make_home_at: Callable[..., Config], tmp_path: Path, kind: str
) -> None:
    studies: dict[str, list[Any]] = {}
    for path in files(delivery.images):
        orthanc.upload(path.read_bytes())
        found = dcmread(path)
        studies.setdefault(str(found.StudyInstanceUID), []).append(found)
    corrected, deleted, *_ = sorted(studies)
    loaded = make_home_at(tmp_path / "home", {**source(orthanc, tmp_path / "secret", kind), "withdraw_deleted": True})
    assert take(loaded, DAY) == sum(map(len, studies.values())), "a list of several pages is whole"
    before = rows_now(loaded, LEDGER)
    for entry in orthanc.ask("studies?expand"):
        if entry["MainDicomTags"]["StudyInstanceUID"] in (corrected, deleted):
            orthanc.delete(f"studies/{entry['ID']}")
    # The hospital gave the study to another patient; identifiers of study, series and images stay.
    for found in studies[corrected]:
        found.PatientID = "CANARI-9"
        written = io.BytesIO()
        found.save_as(written)
        orthanc.upload(written.getvalue())
    assert take(loaded, NEXT) == len(studies[corrected])
    added = rows_now(loaded, LEDGER)
    assert len(added) == len(before) + len(studies[corrected])
    assert sum(outcome == "conflict" for _, outcome, _, _ in added) == len(studies[corrected])
    assert rows_now(loaded, "select count(*) from withdrawn_study") == [(0,)]
    assert take(loaded, NEXT + timedelta(days=1)) == 0
    assert rows_now(loaded, "select count(*) from withdrawn_study") == [(1,)]


def rows_now(loaded: Config, sql: str) -> list[tuple[Any, ...]]:
    with connect.writer(loaded.warehouse, 1) as connection:
        return connection.execute(sql).fetchall()
