"""`bilan demo`: three simulated sites, end to end, through the same night and month as real ones.

The last nights of the last full month are really run, through Dagster: images drawn (or real ones
given by `images`) and written as DICOM, messages as HL7 v2. What came before is simulated at the
level of findings, and every page that it touches says so.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from inference import description
from inference.simulation import history, night, pictures
from inference.simulation.plan import plan
from inference.simulation.site import DEMO_SITES, SiteModel
from inference.simulation.study import SimulatedStudy
from pipelines import config as configuration
from pipelines import dagster_run, demo_hub, users
from pipelines import night as use_case
from pipelines.config import Config
from pipelines.errors import BilanError, ConfigError, Problem
from pipelines.init import FOLDERS
from pipelines.intake import writer
from warehouse import connect, load, pseudonym

MARK = "demo.json"
EARLIER_MONTHS = 13
# Login: name, role, language.
ACCOUNTS = {
    "clinician": ("Dr Camille Roux", f"clinician@{DEMO_SITES[0].site}", "fr"),
    "head": ("Dr Hélène Marchand", f"department_head@{DEMO_SITES[0].site}", "fr"),
    "partner": ("Paul Novak", "partnership_manager", "en"),
    "admin": ("Anne Admin", "administrator", "en"),
    "auditor": ("Omar Auditor", "auditor", "en"),
}
Say = Callable[[str], None]


class DemoError(BilanError):
    """The demonstration did not come to its end; the lines above say where."""


def run(
    home: Path, *, images: Path | None, labels: Path | None, nights: int, say: Say, today: date | None = None
) -> dict[str, Any]:
    """Make the home, run the nights and the month of every site; return the paths of what was made.

    Raises
    ------
    ConfigError
        If `home` holds something that is not an earlier demonstration, or `images` has no picture.
    DemoError
        If a night or a month is not complete.
    """
    started = time.monotonic()
    days = last_days(today or datetime.now(UTC).date(), nights)
    found = pictures.read(images, labels) if images else None
    if found is not None and not found:
        raise ConfigError([Problem(str(images), "--images", "no JPEG or PNG file there; name a folder that has some")])
    create(home, say)
    config = configuration.load(home)
    plans = {site.site: _plan(site, days, found) for site in DEMO_SITES}
    for site in DEMO_SITES:
        say(f"[{site.site}] {EARLIER_MONTHS} months of simulated history")
        keep_history(config, site, days)
    deal = night.spread(len(DEMO_SITES) * len(days))
    made: list[str] = []
    step, steps = 0, len(DEMO_SITES) * (len(days) + 1)
    for day in days:
        for site in DEMO_SITES:
            step += 1
            say(f"[{step}/{steps}] {site.name}: night of {day.isoformat()}")
            made += _night(config, site, plans[site.site], day, deal.pop(0), say)
    month = days[-1].strftime("%Y-%m")
    for site in DEMO_SITES:
        step += 1
        say(f"[{step}/{steps}] {site.name}: report of {month}")
        result = dagster_run.month(config, site.site, month)
        if result["status"] != "complete":
            raise DemoError(
                f"the report of {site.site} was not made; see its run in Dagster: bilan dagster --home {home}"
            )
        made += result["made"]
    password = make_accounts(config)
    say(f"A hub of {len(demo_hub.SITES)} generated sites")
    demo_hub.fill(config, datetime.now(UTC))
    say(_closing(home, made, password, time.monotonic() - started))
    return {"home": str(home), "made": made}


def last_days(today: date, nights: int) -> list[date]:
    """Return the last days of the last full month before `today`: the report is then of a whole month."""
    end = today.replace(day=1) - timedelta(days=1)
    return [end - timedelta(days=offset) for offset in range(nights - 1, -1, -1)]


def create(home: Path, say: Say) -> None:
    """Make the home of the demonstration; an earlier one is replaced, anything else is left alone."""
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).is_file():
            raise ConfigError(
                [Problem(str(home), "--home", "not empty, and not an earlier demonstration; name another folder")]
            )
        shutil.rmtree(home)
    for folder in FOLDERS:
        if not folder.startswith("inbox"):
            (home / folder).mkdir(parents=True, exist_ok=True)
    home.chmod(0o750)
    (home / "keys").chmod(0o700)
    (home / MARK).write_text("{}\n", encoding="utf-8")
    (home / "bilan.yaml").write_text(
        "# A demonstration: our clock reads the morning after each night.\nsimulated_clock: true\n"
        "web: {second_factor: []}\n"
        "hub: {models: [{name: default, version: 0.2.0}, {name: default, version: 0.3.0}, "
        "{name: default, version: 0.4.0}]}\n",
        encoding="utf-8",
    )
    for site in DEMO_SITES:
        for content in ("dicom", "hl7"):
            (home / "inbox" / site.site / content).mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(site_file(site, home.resolve()), allow_unicode=True, sort_keys=False)
        (home / "sites" / f"{site.site}.yaml").write_text(text, encoding="utf-8")
        pseudonym.write_key(home / "keys" / f"{site.site}.key")
    say(f"Home of the demonstration: {home}")


def site_file(site: SiteModel, home: Path) -> dict[str, Any]:
    """Return what goes into the file of a simulated site."""
    inbox = home / "inbox" / site.site
    return {
        "name": site.name,
        "country": site.country,
        "language": site.language,
        "time_zone": site.time_zone,
        "sector": site.sector,
        "opening": {"start": site.opening_start, "end": site.opening_end, "weekdays": list(site.opening_weekdays)},
        "sources": [
            {
                "name": "pacs-drop",
                "type": "folder",
                "path": str(inbox / "dicom"),
                "content": "dicom",
                "stable_seconds": 0,
            },
            {"name": "ris-drop", "type": "folder", "path": str(inbox / "hl7"), "content": "hl7", "stable_seconds": 0},
        ],
        "night": {"hour": site.night_hour, "list_time": "07:30"},
        "pacs_link": "https://pacs.example.org/viewer?study={study_uid}",
        "targets": {"turnaround_hours": site.turnaround_hours},
        "report": {"accent": site.accent},
        "partnership": {"since": site.partner_since, "contract_studies_per_month": site.contract_studies_per_month},
    }


def _plan(site: SiteModel, days: list[date], found: list[pictures.Picture] | None) -> list[SimulatedStudy]:
    studies = plan(history.eventful(site, days[-1]), days[0], days[-1])
    return studies if found is None else pictures.cast(studies, found)


def keep_history(config: Config, site: SiteModel, days: list[date]) -> None:
    """Write the simulated past of a site: studies, ledger, nights, verdicts."""
    described = description.describe(config.bundle(site.site))
    points = described["operating_points"]
    reader = history.reader(points["doubtful"], points["positive"], described["sha256"])
    first = _months_before(days[-1].replace(day=1), EARLIER_MONTHS)
    last = days[0] - timedelta(days=1)
    until = site.cutoff(days[-1]).astimezone(UTC)
    past = history.history(history.eventful(site, days[-1]), first, last, reader, until=until)
    use_case.begin(config, site.site, days[:1])
    with writer(config) as connection, connect.transaction(connection):
        for table, rows in (
            ("study", past.studies),
            ("ledger", past.offers),
            ("night", past.nights),
            ("verdict", past.verdicts),
        ):
            load.load(connection, table, rows)


def _months_before(first: date, months: int) -> date:
    years, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    return date(years, month + 1, 1)


def _night(
    config: Config, site: SiteModel, studies: list[SimulatedStudy], day: date, cases: tuple[str, ...], say: Say
) -> list[str]:
    inbox = config.home / "inbox" / site.site
    truth = night.write_night(studies, site, day, inbox / "dicom", inbox / "hl7", cases=cases)
    folder = config.home / "truth" / site.site
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{day.isoformat()}.json").write_text(truth.to_json(), encoding="utf-8")
    result = dagster_run.night(config, site.site, day, progress=lambda text: say(f"        {text}"))
    if result["status"] not in ("complete", "late"):
        raise DemoError(f"the night of {day.isoformat()} at {site.site} failed: {result['error']}")
    sums = result["ledger"]
    say(f"        offered {sums['offered']}, {result['studies']} studies, {result['flagged']} flagged")
    return list(result["made"])


def make_accounts(config: Config) -> str:
    """Make one account for each role; return their password."""
    from reports.web import passwords  # noqa: PLC0415 - not needed before

    password = passwords.one_time()
    for login, (name, role, language) in ACCOUNTS.items():
        users.add(config, login, name, [role], language, password)
    return password


def _closing(home: Path, made: list[str], password: str, seconds: float) -> str:
    lists = [path for path in made if path.endswith(".html")]
    reports = [path for path in made if path.endswith(".pdf")]
    lines = [
        "",
        f"Done in {seconds:.0f} s. What was made:",
        "",
        "Monthly reports (PDF):",
        *(f"  {path}" for path in reports),
        "",
        "Flagged lists (open in a browser):",
        *(f"  {path}" for path in lists),
        "",
        "Web application (http://127.0.0.1:8080), one account for each role:",
        *(f"  {login:12} {role.replace('@', ' at ')}" for login, (_, role, _) in ACCOUNTS.items()),
        f"  password of all: {password}",
        "  partner sees the portfolio of a hub: generated sites, their counts drawn by chance",
        "",
        "Next:",
        f"  .venv/bin/bilan serve --home {home}",
        f"  xdg-open {reports[0]}" if reports else "",
        f"  .venv/bin/bilan dagster --home {home}      # the runs, assets and checks, on http://127.0.0.1:3000",
        f"  .venv/bin/bilan figures --home {home} --site {DEMO_SITES[0].site} --month {Path(reports[0]).parent.name}"
        if reports
        else "",
    ]
    return "\n".join(lines)
