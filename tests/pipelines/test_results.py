"""Results to a RIS over our own MLLP listener, and what is never sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from pipelines import night, results
from pipelines.config import Config
from pipelines.errors import ConfigError
from pipelines.result_settings import Results
from pipelines.source_settings import MllpSource
from pipelines.sources import mllp, patience
from pipelines.sources.inbox import Inbox
from warehouse import connect

SITE = "saint-aubin"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


@contextmanager
def ris(folder: Path) -> Iterator[tuple[int, Inbox]]:
    given = {"name": "ris", "type": "mllp", "listen": "127.0.0.1", "port": 1}
    settings = MllpSource.model_validate(given).model_copy(update={"port": 0})
    inbox, ready = Inbox("ris", folder), threading.Event()
    held: dict[str, Any] = {}

    async def serve() -> None:
        held.update(loop=asyncio.get_running_loop(), stop=asyncio.Event())
        async with mllp.listening(settings, inbox) as port:
            held["port"] = port
            ready.set()
            await held["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield held["port"], inbox
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(20)


def received(inbox: Inbox) -> list[list[list[str]]]:
    files = sorted((inbox.folder / "objects").glob("[!.]*"))
    return [[segment.split("|") for segment in path.read_bytes().decode().strip("\r").split("\r")] for path in files]


@pytest.fixture
def ran(make_home: Callable[..., Config], day: date, toys: Path) -> Config:
    """A night whose every study is positive."""
    loaded = make_home(model={"bundle": str(next(toys.glob("**/model.json")).parent), "doubtful": 0.0, "positive": 0.0})
    night.begin(loaded, SITE, [day])
    night.take_images(loaded, SITE, [day])
    night.infer_images(loaded, SITE, [day])
    night.assemble(loaded, SITE, [day])
    return loaded


def with_priority(loaded: Config, port: int, **changes: Any) -> None:
    to = {"host": "127.0.0.1", "port": port, "timeout_seconds": 5, "attempts": 1, **changes}
    site = loaded.site(SITE)
    loaded.sites[SITE] = site.model_copy(update={"results": Results.model_validate({"priority": to})})


def studies(loaded: Config) -> set[str]:
    with connect.reader(loaded.published) as connection:
        rows = connection.execute("select study_uid from study where ai_result = 'positive'").fetchall()
    return {str(row[0]) for row in rows}


def test_each_positive_study_is_told_once_until_it_is_acknowledged(ran: Config, day: date, tmp_path: Path) -> None:
    assert results.send(ran, SITE, [day]) == {}, "nothing is sent unless the site asks for it"
    taken_back = min(studies(ran))
    with connect.writer(ran.warehouse, 1) as connection:
        columns = "$1 as site, $2 as study_uid, now() as withdrawn_at, 'k' as key_id"
        connection.execute(f"insert into withdrawn_study by name select {columns}", [SITE, taken_back])
    wanted = studies(ran) - {taken_back}
    assert wanted
    # What is found weeks later, when nights are made up for, is no news.
    much_later = day + timedelta(days=40)
    with_priority(ran, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(ran), "now", lambda *_: datetime(2026, 12, 24, 4, tzinfo=UTC))
        assert results.send(ran, SITE, [day]) == {}
    assert results.send(ran, SITE, [much_later]) == {}
    # Nobody listens: it is sent the next time.
    said: list[str] = []
    with_priority(ran, 1)
    assert results.send(ran, SITE, [day], said.append) == {"priority_not_sent": len(wanted)}
    assert len(said) == 1 and "does not acknowledge" in said[0] and "CANARI" not in said[0]
    with ris(tmp_path / "ris") as (port, inbox):
        with_priority(ran, port)
        assert results.send(ran, SITE, [day]) == {"priority_sent": len(wanted)}
        assert results.send(ran, SITE, [day]) == {}
        told = received(inbox)
    images = [dcmread(path, stop_before_pixels=True) for path in (ran.spool(SITE) / "dicom").rglob("*.dcm")]
    real = {(image.PatientID, image.AccessionNumber, image.StudyInstanceUID) for image in images}
    assert {(message[1][3], message[2][3], message[5][5]) for message in told} <= real
    assert len(told) == len({message[0][9] for message in told}) == len(wanted)
    assert {message[0][8] for message in told} == {"ORU^R01^ORU_R01"}
    # The warehouse notes by pseudonym whom it told of.
    with connect.writer(ran.warehouse, 1) as connection:
        noted = connection.execute("select study_uid from result_delivery where sent_at is not null").fetchall()
        connection.execute("delete from result_delivery")
    assert {row[0] for row in noted} == wanted
    # A site's own words.
    template = ran.home / "priority.hl7"
    template.write_text("MSH|^~\\&|US|US|THEM|THEM|{now}||ORM^O01|{control_id}|P|2.5\nORC|SC|{accession_number}\n")
    with ris(tmp_path / "other") as (port, inbox):
        with_priority(ran, port, template="priority.hl7")
        results.send(ran, SITE, [day])
        assert {message[1][0] for message in received(inbox)} == {"ORC"}
    template.write_text("hello {patient_name}")
    with pytest.raises(ConfigError, match="must begin with"):
        results.send(ran, SITE, [day])
