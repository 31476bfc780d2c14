"""`bilan export`: what leaves a site as aggregates: shown, approved, made and taken to the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli_month import a_month
from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json, say

if TYPE_CHECKING:
    from pipelines.config import Config


def export(
    site: SiteName,
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM (default: the last full one).")] = "",
    home: Home = HOME,
    show: Annotated[
        bool, typer.Option("--show", help="Write the page of exactly what would leave; send nothing.")
    ] = False,
    approve: Annotated[str, typer.Option(help="Approve what the page of this code shows.")] = "",
    by: Annotated[str, typer.Option(help="Who approves: name or function, kept with the approval.")] = "",
    card: Annotated[bool, typer.Option("--card", help="Print what a hub registers this site by.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Send the daily sign of life (export.status); with --show only print it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a month's bundle of aggregates, for the hub of the partnership manager.

    Nothing is sent that was not shown and approved. Without `export` in bilan.yaml the bundle stays a file.

    Examples
    --------
        bilan export --site saint-aubin --month 2026-10 --show

        bilan export --site saint-aubin --month 2026-10 --approve 3f9a0c1d22be --by "DPO"

        bilan export --site saint-aubin --month 2026-10

        bilan export --site saint-aubin --status
    """
    from pipelines import config as configuration  # noqa: PLC0415
    from pipelines import export as use_case  # noqa: PLC0415

    _alone(show=show, approve=approve, by=by, card=card, status=status)
    when = a_month(month)
    with clear_errors():
        config = configuration.load(home)
        config.site(site)
        if status:
            _status(config, site, show=show, as_json=as_json)
            return
        if card:
            print_json(use_case.card(config, site))
            return
        if show:
            draft, made = use_case.show(config, site, when)
            paths = [str(path) for path in made]
            result: dict[str, Any] = {"site": site, "month": when, "code": draft.code, "made": paths}
            lines = [*paths, f"Approve it with --approve {draft.code} --by WHO"]
        elif approve:
            approval = use_case.approve(config, site, when, approve, by)
            result = {"site": site, "approved_at": approval.approved_at.isoformat(), "approved_by": by}
            lines = ["approved: bundles of these fields, this threshold and this recipient may leave"]
        else:
            result = use_case.run(config, site, when)
            lines = [result["bundle"], *result["taken"]]
            if not result["new"]:
                lines.append(f"the same as bundle {result['seq']}, made before")
    if as_json:
        print_json(result)
        return
    typer.echo(lines[0])
    for line in lines[1:]:
        (typer.echo if line.endswith((".html", ".pdf")) else say)(line)


def _status(config: Config, site: str, *, show: bool, as_json: bool) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from pipelines import status as use_case  # noqa: PLC0415

    if show:
        print_json(use_case.content(config, site, datetime.now(UTC)))
        return
    result = use_case.run(config, site)
    if as_json:
        print_json(result)
        return
    typer.echo(result["status"])
    for line in result["taken"]:
        say(line)


def _alone(*, show: bool, approve: str, by: str, card: bool, status: bool) -> None:
    if show + bool(approve) + card > 1:
        raise typer.BadParameter("--show, --approve and --card are one at a time")
    if status and (approve or card):
        raise typer.BadParameter("--status goes alone, or with --show")
    if bool(approve) != bool(by):
        raise typer.BadParameter("--approve CODE and --by WHO go together")
