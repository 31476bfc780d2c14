"""`bilan init`: a home directory with commented examples and a random pseudonym key."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pipelines.errors import ConfigError, Problem
from pipelines.source_settings import SITE_NAME
from warehouse import pseudonym

FOLDERS = ("sites", "keys", "data", "spool", "quarantine", "issued", "dagster", "logs", "inbox/dicom", "inbox/hl7")


def init(home: Path, site: str = "example") -> list[Path]:
    """Create a home directory and return the files written.

    Raises
    ------
    ConfigError
        If the site's name cannot be a file name, or the directory is a home already.
    """
    if not SITE_NAME.fullmatch(site):
        raise ConfigError([Problem("sites/", "site", "name it with a-z, 0-9 and - only, at most 41 letters")])
    if (home / "bilan.yaml").exists():
        raise ConfigError([Problem(str(home / "bilan.yaml"), "file", "exists already; nothing was changed")])
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    home.chmod(0o750)
    (home / "keys").chmod(0o700)
    examples = files("pipelines") / "examples"
    machine, example, key = home / "bilan.yaml", home / "sites" / f"{site}.yaml", home / "keys" / f"{site}.key"
    machine.write_text((examples / "bilan.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    text = (examples / "site.yaml").read_text(encoding="utf-8")
    example.write_text(text.replace("{HOME}", str(home.resolve())), encoding="utf-8")
    pseudonym.write_key(key)
    return [machine, example, key]
