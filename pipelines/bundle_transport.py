"""A bundle to its hub: into a shared folder, or by HTTPS, the only connection that Bilan opens to the outside.

Both are off unless `bilan.yaml` has them; a bundle can always be carried by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import BilanError
from reports import pages

if TYPE_CHECKING:
    from pipelines.config import Config
    from pipelines.config_hub import Export

HAD_BEFORE = 208  # the hub has this very bundle


class TransportError(BilanError):
    """A bundle was made and not taken to the hub. Mend what the text says, then run the same command again."""


def take(config: Config, name: str, content: bytes) -> list[str]:
    """Take a bundle where the settings say; return a line for each way that was taken.

    Raises
    ------
    TransportError
        If the folder cannot be written, the hub cannot be reached, or refuses the bundle.
    """
    told = config.machine.export
    done = []
    if told.folder is not None:
        done.append(_copy(config.home / told.folder, name, content))
    if told.address is not None:
        done.append(_put(config.home, told, name, content))
    return done


def _copy(folder: Path, name: str, content: bytes) -> str:
    if not folder.is_dir():
        raise TransportError("the shared folder (export.folder) is not there; mount it, or correct the path")
    try:
        pages.write(folder / name, content)
    except OSError:
        raise TransportError("the shared folder (export.folder) cannot be written; check its permissions") from None
    return "copied to the shared folder"


def _put(home: Path, told: Export, name: str, content: bytes) -> str:
    import requests  # noqa: PLC0415 - only when a hub is set

    with requests.Session() as session:
        # Nothing of this machine's environment decides where data go: no proxy, no password file that is not set here.
        session.trust_env = False
        session.verify = str(home / told.authorities) if told.authorities else True
        session.proxies = {"https": told.proxy} if told.proxy else {}
        try:
            answer = session.put(
                f"{str(told.address).rstrip('/')}/bundles/{name}",
                data=content,
                headers={"Content-Type": "application/json"},
                timeout=told.seconds,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise TransportError("the hub's certificate is not trusted; see export.authorities") from None
        except requests.exceptions.ProxyError:
            raise TransportError("the proxy refuses the connection; see export.proxy") from None
        except (requests.exceptions.RequestException, OSError):
            raise TransportError("the hub cannot be reached; see export.address and the firewall") from None
    if answer.status_code in (200, HAD_BEFORE):
        return "taken by the hub" if answer.status_code == 200 else "the hub had it before"
    raise TransportError(f"the hub refuses the bundle: {_said(answer.headers.get('Bilan-Refusal', ''), answer)}")


def _said(code: str, answer: object) -> str:
    """Return the hub's own code for the refusal; its free text is not ours to print."""
    known = code if code.replace("_", "").isalpha() and len(code) <= 40 else ""
    status = getattr(answer, "status_code", "")
    return f"{known or 'no reason given'} (status {status}); `bilan hub refusals` there says more"
