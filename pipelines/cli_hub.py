"""`bilan hub`: the same program as the hub of a partner's sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.console import HOME, AsJson, Home, clear_errors, print_json

if TYPE_CHECKING:
    from pipelines.config import Config

hub_app = typer.Typer(no_args_is_help=True, help="Aggregates of many sites, and not one patient.")


def _load(home: Path) -> Config:
    from pipelines import config  # noqa: PLC0415

    return config.load(home)


@hub_app.command("init")
def hub_init(home: Home = HOME) -> None:
    """Make the hub's database in a home; print the key that sites may seal their bundles to (export.hub_key).

    Example: bilan init /srv/hub && bilan hub init --home /srv/hub
    """
    from pipelines import hub  # noqa: PLC0415

    with clear_errors():
        typer.echo(hub.init(_load(home)))


@hub_app.command("register")
def hub_register(
    card: Annotated[Path, typer.Argument(help="The site's card: what `bilan export --site S --card` printed there.")],
    home: Home = HOME,
    name: Annotated[str | None, typer.Option(help="Name to show.")] = None,
    group: Annotated[str | None, typer.Option(help="Group of sites, such as a hospital group.")] = None,
    manager: Annotated[str | None, typer.Option(help="Login of the partnership manager.")] = None,
    contract: Annotated[int | None, typer.Option(min=0, help="Studies per month in the contract.")] = None,
    stage: Annotated[str | None, typer.Option(help="set_up, shadow or live.")] = None,
    benchmark: Annotated[
        bool | None, typer.Option("--benchmark/--no-benchmark", help="The site agrees to be an anonymous peer.")
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="The site's key was lost and replaced.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a site known, or change what is known of it; compare the fingerprint with the site by telephone.

    Example: bilan hub register saint-aubin.card --group armor --manager p.novak --stage live
    """
    from pipelines import hub  # noqa: PLC0415
    from warehouse import signature  # noqa: PLC0415
    from warehouse.hub_sites import STAGES  # noqa: PLC0415

    if stage is not None and stage not in STAGES:
        raise typer.BadParameter(f"write one of: {', '.join(STAGES)}")
    with clear_errors():
        made = hub.register(
            _load(home),
            card,
            name=name,
            site_group=group,
            manager=manager,
            contract_studies_per_month=contract,
            stage=stage,
            benchmark=benchmark,
            new_key=new_key,
        )
        found = {"site": made.site, "name": made.name, "fingerprint": signature.fingerprint(made.key)}
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{made.site}: {made.name}\nfingerprint {found['fingerprint']}: compare it with the site's")


@hub_app.command("import")
def hub_import(
    files: Annotated[list[Path], typer.Argument(help="Bundles, or folders that hold some.")],
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Take bundles; each is taken whole, or refused with a reason. Exit 1 if any was refused.

    Example: bilan hub import inbox/*.bilan --home /srv/hub
    """
    from pipelines import hub  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415
    from reports.refusals import refusal  # noqa: PLC0415

    words = language("en")
    with clear_errors():
        outcomes = hub.take(_load(home), hub.read(files))
    told: list[dict[str, Any]] = [
        {
            "file_sha256": each.file_sha256,
            "site": each.site,
            "month": each.month,
            "seq": each.seq,
            "taken": each.reason is None,
            "reason": each.reason,
            "sentence": refusal(words, each.reason) if each.reason else None,
        }
        for each in outcomes
    ]
    if as_json:
        print_json(told)
    else:
        for each in told:
            where = f"{each['site'] or each['file_sha256'][:12]} {each['month'] or ''}".rstrip()
            typer.echo(
                f"taken    {where}" if each["taken"] else f"refused  {where}: {each['reason']}: {each['sentence']}"
            )
    raise typer.Exit(0 if all(each["taken"] for each in told) else 1)


@hub_app.command("serve")
def hub_serve(
    home: Home = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8443,
) -> None:
    """Serve the portfolio, and take the bundles that sites put (HTTPS PUT /bundles/...).

    Example: bilan hub serve --home /srv/hub --host 0.0.0.0 --port 8443
    """
    from pipelines import serve  # noqa: PLC0415
    from pipelines.config_hub import hub_store  # noqa: PLC0415
    from pipelines.hub import HubError  # noqa: PLC0415

    with clear_errors():
        config = _load(home)
        if not hub_store(config.home).exists():
            raise HubError("this home is no hub yet; run `bilan hub init`")
        serve.run(config, host, port, hub=True)


@hub_app.command("review")
def hub_review(
    quarter: Annotated[str, typer.Option(help="Quarter, such as 2026-Q3.")],
    out: Annotated[Path, typer.Option(help="PDF to write.")],
    group: Annotated[str, typer.Option(help="Sites of this group (default: all sites).")] = "",
    manager: Annotated[str, typer.Option(help="Sites of this partnership manager.")] = "",
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    home: Home = HOME,
) -> None:
    """Make the quarterly business review of a group, a manager's sites or all of them.

    Example: bilan hub review --group armor --quarter 2026-Q3 --language fr --out armor-2026-Q3.pdf --home /srv/hub
    """
    from pipelines import hub  # noqa: PLC0415

    if language not in ("fr", "en"):
        raise typer.BadParameter("write fr or en")
    with clear_errors():
        hub.review(_load(home), quarter, out, group=group, manager=manager, code=language)
    typer.echo(out)


@hub_app.command("card")
def hub_card(home: Home = HOME) -> None:
    """Print what a site needs to know this hub by: the lines hub_key and hub_signs of its `export`.

    Example: bilan hub card --home /srv/hub
    """
    from pipelines import hub_return  # noqa: PLC0415

    with clear_errors():
        print_json(hub_return.card(_load(home)))


@hub_app.command("return")
def hub_give_back(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    site: Annotated[str | None, typer.Option(help="Only this site (default: all).")] = None,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Write what each site gets back: annotations and anonymous peers, a signed file for each, to be carried.

    Example: bilan hub return --out returns/ --home /srv/hub
    """
    from pipelines import hub_return  # noqa: PLC0415

    with clear_errors():
        made = hub_return.run(_load(home), out, site)
    if as_json:
        print_json(
            [{"site": each.site, "seq": each.seq, "file": str(each.path), "new": each.fresh,
              "months": each.months, "notes": each.notes} for each in made]
        )  # fmt: skip
        return
    for each in made:
        typer.echo(each.path)


@hub_app.command("refusals")
def hub_refusals(home: Home = HOME, as_json: AsJson = False) -> None:
    """List what was refused and why, the newest first.

    Example: bilan hub refusals --home /srv/hub
    """
    from pipelines.config_hub import hub_published  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415
    from reports.refusals import refusal  # noqa: PLC0415
    from warehouse import hub_sites  # noqa: PLC0415
    from warehouse.connect import HUB, reader  # noqa: PLC0415

    with clear_errors(), reader(hub_published(_load(home).home), HUB) as connection:
        found = hub_sites.refusals(connection)
    if as_json:
        print_json(found)
        return
    for row in found:
        who = row["site"] or row["file_sha256"][:12]
        typer.echo(f"{row['refused_at']:%Y-%m-%d %H:%M} {who}: {refusal(language('en'), row['reason'])}")
