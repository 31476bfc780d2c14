"""`bilan doctor`: examine the installation and say how to mend what is wrong."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import config, report_choice
from pipelines.config import Config, Site
from pipelines.errors import ConfigError, NotSentError, SourceUnreachableError
from pipelines.source_settings import DicomwebSource, DimseSource, FolderSource

PACKAGES = ("inference", "warehouse", "reports", "pipelines")
LIBRARIES = ("dagster", "duckdb", "imagecodecs", "pandas", "plotly", "pydicom", "torch", "weasyprint")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LEAST_FREE_GB = 5


@dataclass(frozen=True, slots=True)
class Result:
    """What one examination found; `remedy` says what to do when it is not well."""

    name: str
    ok: bool
    found: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {"name": self.name, "ok": self.ok, "found": self.found, "remedy": self.remedy}


def examine(home: Path) -> list[Result]:
    """Run every examination; those of the home directory only when its files can be read."""
    results = [python(), *libraries(), own_packages(), time_zones(), browser(), pdf(), model(), isolation()]
    try:
        loaded = config.load(home)
    except ConfigError as error:
        return [
            *results,
            *(
                Result("configuration", False, f"{problem.file}: {problem.field}", problem.remedy)
                for problem in error.problems
            ),
        ]
    results.append(Result("configuration", True, f"{len(loaded.sites)} sites"))
    return [
        *results,
        *(
            examination
            for check in (
                keys,
                application_key,
                engines,
                bundles,
                machines,
                report_choices,
                folders,
                sources,
                destinations,
                disk,
            )
            for examination in check(loaded)
        ),
    ]


def python() -> Result:
    """Python is 3.11 or newer."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Result("Python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer")


def libraries() -> Iterator[Result]:
    """Every library that Bilan stands on is installed."""
    for name in LIBRARIES:
        try:
            yield Result(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Result(name, False, "not installed", "install Bilan again with its constraints.txt")


def own_packages() -> Result:
    """No other distribution has brought a package of the same name: pip would have overwritten ours."""
    owners = metadata.packages_distributions()
    foreign = sorted({owner for name in PACKAGES for owner in owners.get(name, []) if owner != "bilan"})
    return Result(
        "packages",
        not foreign,
        ", ".join(foreign) or "ours alone",
        "use a virtual environment with nothing but Bilan in it",
    )


def time_zones() -> Result:
    """Time zone data are there."""
    return _tried("time zones", lambda: str(ZoneInfo("Europe/Paris")), "install the package tzdata")


def browser() -> Result:
    """Chromium is there: it draws the charts of the monthly report."""
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return Result("Chromium", path is not None, path or "not found", "install it: apt-get install chromium")


def pdf() -> Result:
    """Pango is there and a page with the report's fonts can be made."""

    def page() -> str:
        from reports import pdf as pages  # noqa: PLC0415 - WeasyPrint is slow to import

        made = pages.write("<title>é</title><p>é</p>", created=datetime.now(UTC), attachments={}, descriptions={})
        return f"WeasyPrint {metadata.version('weasyprint')}, {len(made.content)} bytes"

    return _tried(
        "PDF and fonts", page, "install Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    )


def model() -> Result:
    """The embedded model's weights are those that its description states."""

    def load() -> str:
        from inference import bundle, device  # noqa: PLC0415 - loads torch

        loaded = bundle.load(bundle.embedded())
        where = "the processor" if device.usable().type == "cpu" else "a graphics card"
        return f"{loaded.name} {loaded.version}, {loaded.sha256[:12]}, on {where}"

    return _tried("model", load, "install Bilan again: the weights are damaged")


def isolation() -> Result:
    """A process that analyses images cannot open a network connection."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        isolated = bool(pool.apply(_isolated))
    remedy = "the kernel refuses seccomp filters; run Bilan outside of containers that forbid them"
    return Result(
        "network isolation of inference", isolated, "no connection possible" if isolated else "not isolated", remedy
    )


def _isolated() -> bool:
    from inference.child import isolate_network, network_isolated  # noqa: PLC0415

    isolate_network()
    return network_isolated()


def keys(loaded: Config) -> Iterator[Result]:
    """Each site has a pseudonym key that only its owner can read."""
    from warehouse import connect, rotation  # noqa: PLC0415
    from warehouse.errors import KeyFileError, WarehouseDamagedError, WarehouseError  # noqa: PLC0415
    from warehouse.pseudonym import Pseudonymiser, read_key  # noqa: PLC0415

    for site in loaded.sites:
        try:
            key_id = Pseudonymiser(read_key(loaded.key(site))).key_id
            with connect.reader(loaded.published) as connection:
                made_with = rotation.keys_in_use(connection, site)
        except KeyFileError as error:
            yield Result(f"key of {site}", False, "not usable", str(error))
            continue
        except WarehouseDamagedError as error:
            yield Result(f"readers' copy, {site}", False, "cannot be read", str(error))
            continue
        except WarehouseError:  # nothing published yet, or by another version: the night will tell
            made_with = set()
        if made_with <= {key_id}:
            yield Result(f"key of {site}", True, "mode 0600")
        else:
            remedy = "the warehouse was made with another key: restore keys/ and data/ of one back-up"
            yield Result(f"key of {site}", False, "not the warehouse's", remedy)


def application_key(loaded: Config) -> Iterator[Result]:
    """The application's key is one, only its owner can read it, and every second factor opens with it."""
    from pipelines.config_web import app_key  # noqa: PLC0415
    from reports.web import second_factor  # noqa: PLC0415
    from warehouse.app_store import AppStore  # noqa: PLC0415
    from warehouse.errors import KeyFileError, StorePermissionError  # noqa: PLC0415
    from warehouse.pseudonym import KEY_BYTES, read_key  # noqa: PLC0415

    path, store = app_key(loaded.home), AppStore(loaded.app_store)
    name, remedy = "key of the application", "restore keys/_app.key and app.sqlite of one back-up"
    try:
        key = read_key(path) if os.path.lexists(path) else None
        if key is not None and len(key) != KEY_BYTES:
            yield Result(name, False, "more than one key", remedy)
            return
        if store.path.exists() and not store.current():
            yield Result(
                name, False, "app.sqlite cannot be read", "start `bilan serve`: it brings app.sqlite up to date"
            )
            return
        opened = second_factor.examine(store, key) if store.path.exists() else 0
    except KeyFileError as error:
        yield Result(name, False, "not usable", str(error).replace("the pseudonym key", "keys/_app.key"))
    except StorePermissionError as error:
        yield Result(name, False, "app.sqlite is open to others", str(error))
    else:
        found = "made when `bilan serve` first runs" if key is None else f"mode 0600, second factors: {opened}"
        yield Result(name, True, found)


def bundles(loaded: Config) -> Iterator[Result]:
    """Each site's bundle, and the one in its shadow, can be loaded and passes a trial, as the night runs it."""
    from inference.errors import BundleError  # noqa: PLC0415
    from inference.infer import examine as try_out  # noqa: PLC0415

    tried: dict[Path, Result] = {}
    for site in loaded.sites:
        for name, folder in ((f"bundle of {site}", loaded.bundle(site)), (f"shadow of {site}", loaded.shadow(site))):
            if folder is None:
                continue
            if folder not in tried:
                try:
                    found = try_out(folder, loaded.decode_settings(), loaded.machine.model_seconds)
                    tried[folder] = Result("", True, f"{found['name']} {found['version']}, {found['sha256'][:12]}")
                except BundleError as error:
                    tried[folder] = Result("", False, "refused", str(error))
            yield replace(tried[folder], name=name)


def engines(loaded: Config) -> Iterator[Result]:
    """ONNX Runtime is installed, where it is to run the network."""
    from inference import engine  # noqa: PLC0415

    if loaded.machine.engine == "onnx":
        remedy = engine.fallback("onnx")
        yield Result("engine", remedy is None, "PyTorch" if remedy else "ONNX Runtime", remedy or "")


def machines(loaded: Config) -> Iterator[Result]:
    """The cluster, where one is set, answers and has a worker."""
    from pipelines.cluster import workers  # noqa: PLC0415
    from pipelines.errors import ClusterError  # noqa: PLC0415

    if loaded.machine.cluster is None:
        return
    try:
        count = workers(loaded.machine.cluster)
    except ClusterError as error:
        yield Result("cluster", False, "no answer", str(error))
    else:
        yield Result("cluster", count > 0, f"workers: {count}", "start a worker: docs/cluster.md")


def report_choices(loaded: Config) -> Iterator[Result]:
    """What was chosen of reports on the screen can still be used."""
    for site in loaded.sites:
        if report_choice.unusable(loaded, site):
            remedy = "the report is made as its file says; choose its parameters anew on the screen"
            yield Result(f"report of {site}", False, "what was chosen on the screen is not understood", remedy)


def folders(loaded: Config) -> Iterator[Result]:
    """Bilan can write where it keeps things, and others cannot read it."""
    for name in ("data", "spool", "quarantine", "issued", "dagster"):
        folder = loaded.home / name
        folder.mkdir(exist_ok=True)
        yield Result(
            f"write access to {name}/",
            os.access(folder, os.W_OK),
            "yes",
            f"give Bilan's account the right to write in {folder}",
        )
    closed = not loaded.home.stat().st_mode & stat.S_IRWXO
    yield Result("home closed to others", closed, "yes" if closed else "no", f"run: chmod o-rwx {loaded.home}")


def sources(loaded: Config) -> Iterator[Result]:
    """Each folder that is a source can be read, and each PACS answers (C-ECHO, or a query of DICOMweb)."""
    for site in loaded.sites.values():
        for source in site.sources:
            if isinstance(source, DicomwebSource | DimseSource):
                yield _pacs(loaded, site, source)
            if not isinstance(source, FolderSource):
                continue
            readable = os.access(source.path, os.R_OK | os.X_OK)
            remedy = "create or mount the folder, and give Bilan's account the right to read it"
            yield Result(
                f"source {site.site}/{source.name}", readable, "readable" if readable else "cannot be read", remedy
            )


def _pacs(loaded: Config, site: Site, source: DicomwebSource | DimseSource) -> Result:
    from pipelines.sources import connected  # noqa: PLC0415 - loads what it is asked with

    name = f"source {site.site}/{source.name}"
    once = source.model_copy(update={"attempts": 1, "timeout_seconds": min(source.timeout_seconds, 5)})
    try:
        connected.pacs(loaded, site, once).echo()
    except SourceUnreachableError as error:
        return Result(name, False, "does not answer", str(error))
    return Result(name, True, "answers")


def destinations(loaded: Config) -> Iterator[Result]:
    """Where results go, at sites that send them: the PACS answers, the message can be made. Nothing is sent."""
    from pipelines.destinations import mllp, pacs  # noqa: PLC0415 - load what they speak with

    for name, site in loaded.sites.items():
        objects, priority = site.results.objects, site.results.priority
        if objects is not None:
            try:
                pacs.echo(objects.to, loaded.home)
                there = find_spec("highdicom") is not None
                yield Result(f"results.objects of {name}", there, "answers", "run: pip install 'bilan[results]'")
            except NotSentError as error:
                yield Result(f"results.objects of {name}", False, "does not answer", str(error))
        if priority is not None:
            try:
                mllp.template(priority, loaded.home, name)
                yield Result(f"results.priority of {name}", True, "its message can be made")
            except ConfigError as error:
                yield Result(f"results.priority of {name}", False, "template refused", error.problems[0].remedy)


def disk(loaded: Config) -> Iterator[Result]:
    """There is room for the spool."""
    free = shutil.disk_usage(loaded.home).free / 1e9
    yield Result("disk", free >= LEAST_FREE_GB, f"{free:.0f} GB free", f"free at least {LEAST_FREE_GB} GB")


def _tried(name: str, attempt: Callable[[], str], remedy: str) -> Result:
    try:
        return Result(name, True, attempt())
    except Exception as error:  # noqa: BLE001 - whatever fails is what doctor reports
        return Result(name, False, type(error).__name__, remedy)
