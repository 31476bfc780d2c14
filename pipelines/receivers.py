"""`bilan receive` and `bilan listen`: the receivers of a home's sites, until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from types import FrameType

from pipelines.config import Config, Site
from pipelines.errors import ConfigError, Problem, SourceUnreachableError
from pipelines.source_settings import CstoreSource, MllpSource
from pipelines.sources.inbox import Inbox

Say = Callable[[str], None]


def receive(config: Config, site: str | None, say: Say, stop: threading.Event | None = None) -> None:
    """Run the C-STORE receivers of one site, or of all, until SIGTERM, SIGINT or `stop`.

    Raises
    ------
    ConfigError
        If no site has one.
    SourceUnreachableError
        If a port cannot be opened.
    """
    from pipelines.sources import cstore  # noqa: PLC0415 - loads pynetdicom

    found = [
        (owner, source)
        for owner in _sites(config, site)
        for source in owner.sources
        if isinstance(source, CstoreSource)
    ]
    _require(found, "cstore")
    stop = stop or threading.Event()
    with ExitStack() as running, _stopped_by_signals(stop.set):
        for owner, source in found:
            with _port(source.name):
                port = running.enter_context(cstore.listening(source, _inbox(config, owner, source.name)))
            say(f"{owner.site}: {source.name} receives DICOM as {source.ae_title} on {source.listen}:{port}")
        stop.wait()


def listen(config: Config, site: str | None, say: Say) -> None:
    """Run the MLLP listeners of one site, or of all, until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        If no site has one.
    SourceUnreachableError
        If a port cannot be opened.
    """
    found = [
        (owner, source) for owner in _sites(config, site) for source in owner.sources if isinstance(source, MllpSource)
    ]
    _require(found, "mllp")
    asyncio.run(_listen(config, found, say))


async def _listen(config: Config, found: list[tuple[Site, MllpSource]], say: Say) -> None:
    from pipelines.sources import mllp  # noqa: PLC0415 - as its sibling

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as running:
        for owner, source in found:
            with _port(source.name):
                port = await running.enter_async_context(mllp.listening(source, _inbox(config, owner, source.name)))
            say(f"{owner.site}: {source.name} receives HL7 over MLLP on {source.listen}:{port}")
        await stop.wait()


def _sites(config: Config, site: str | None) -> list[Site]:
    return [config.site(site)] if site else list(config.sites.values())


def _require(found: list[tuple[Site, CstoreSource]] | list[tuple[Site, MllpSource]], kind: str) -> None:
    if not found:
        raise ConfigError([Problem("sites/", "sources", f"no source of type {kind}; add one and start again")])


def _inbox(config: Config, site: Site, source: str) -> Inbox:
    return Inbox(source, config.inbox(site.site, source))


@contextmanager
def _port(name: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise SourceUnreachableError(
            f"source {name}: its port cannot be opened; is another program using it, or is it below 1024?"
        ) from None


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
