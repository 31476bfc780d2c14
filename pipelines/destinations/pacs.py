"""Result objects to a PACS, by STOW-RS or by C-STORE.

References
----------
DICOM PS3.18 10.5 (store transaction), PS3.4 annex B (storage).
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pynetdicom import AE

from inference.result_objects import Object
from pipelines.errors import NotSentError, SourceUnreachableError
from pipelines.result_settings import CstoreTarget, StowTarget
from pipelines.sources import dicom_network, dicomweb, patience, tls
from pipelines.sources.http import BrokenAnswerError, NotHandedOverError, Web

if TYPE_CHECKING:
    import requests

EXPLICIT = "1.2.840.10008.1.2.1"
LARGEST_ANSWER = 4 << 20
# Referenced SOP Sequence (what was stored) and its Referenced SOP Instance UID, PS3.18 table I.2.2-1.
STORED, INSTANCE = "00081199", "00081155"
SUCCESS = 0x0000
NAME = "results.objects"


def send(target: StowTarget | CstoreTarget, home: Path, objects: Sequence[Object]) -> None:
    """Send the objects of one study; on return the PACS has confirmed all of them.

    What it was sent before replaces itself: the same result has the same identifiers.

    Raises
    ------
    NotSentError
        If it did not confirm all of them, in all attempts.
    """
    try:
        if isinstance(target, StowTarget):
            _stow(target, home, objects)
        else:
            _store(target, home, objects)
    except SourceUnreachableError as error:
        raise NotSentError(str(error)) from None


def echo(target: StowTarget | CstoreTarget, home: Path) -> None:
    """Ask the PACS for nothing but an answer: C-ECHO, or a query; nothing is stored.

    Raises
    ------
    NotSentError
        If it gives none.
    """
    try:
        if isinstance(target, StowTarget):
            session = dicomweb.session(NAME, target.login, target.tls, home)
            Web(NAME, target.url, session, target.timeout_seconds, 1).json("studies", {"limit": "1", "offset": "0"})
            return
        said = _stored(target, home, [dicom_network.VERIFICATION], [])
    except SourceUnreachableError as error:
        raise NotSentError(str(error)) from None
    if said is not None:
        raise NotSentError(said)


def _stow(target: StowTarget, home: Path, objects: Sequence[Object]) -> None:
    session = dicomweb.session(NAME, target.login, target.tls, home)
    web = Web(NAME, target.url, session, target.timeout_seconds, target.attempts)
    boundary = secrets.token_hex(16)
    parts = [
        b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (boundary.encode(), one.data) for one in objects
    ]
    body = b"".join([*parts, b"--%b--\r\n" % boundary.encode()])
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'

    def confirmed(response: requests.Response) -> bool:
        try:
            answer = json.loads(b"".join(web.blocks(response, LARGEST_ANSWER)))
            stored = {item[INSTANCE]["Value"][0] for item in answer[STORED]["Value"]}
        except (ValueError, RecursionError, LookupError, TypeError):
            return False
        return stored >= {one.instance_uid for one in objects}

    try:
        whole = web.ask("studies", {}, "application/dicom+json", confirmed, body=body, kind=kind)
    except NotHandedOverError:
        whole = False
    except BrokenAnswerError:
        raise NotSentError(f"{NAME}: the PACS does not answer; see url, and whether it is running") from None
    if not whole:
        raise NotSentError(f"{NAME}: the PACS refuses what is sent; ask whoever runs it whether we may store")


def _store(target: CstoreTarget, home: Path, objects: Sequence[Object]) -> None:
    folder = home / "spool" / ".outgoing"
    shutil.rmtree(folder, ignore_errors=True)  # what a run that was killed left: nothing else is sent meanwhile
    folder.mkdir(parents=True, mode=0o700)
    try:
        paths = [folder / f"{number}.dcm" for number in range(len(objects))]
        for path, one in zip(paths, objects, strict=True):
            path.write_bytes(one.data)
        dicom_network.prepare(folder)
        for last in patience.attempts(target.attempts):
            said = _stored(target, home, sorted({one.sop_class for one in objects}), paths)
            if said is None:
                return
            if last:
                raise NotSentError(said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stored(target: CstoreTarget, home: Path, classes: list[str], paths: list[Path]) -> str | None:
    """Send files over one association; return what went wrong."""
    entity = AE(target.calling_ae_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = target.timeout_seconds
    entity.connection_timeout = target.timeout_seconds
    for name in classes:
        entity.add_requested_context(name, EXPLICIT)
    secured = tls.client(NAME, tls.at_home(target.tls, home))
    more: dict[str, Any] = {} if secured is None else {"tls_args": (secured, target.host)}
    with dicom_network.association(entity, target.host, target.port, target.ae_title, **more) as association:
        if not association.is_established:
            return f"{NAME}: no association with the PACS; see host, port, titles and tls, and the firewall"
        if not paths and association.send_c_echo().get("Status") != SUCCESS:
            return f"{NAME}: the PACS does not answer an echo"
        for path in paths:
            try:
                status = association.send_c_store(path).get("Status")
            except (RuntimeError, ValueError):
                status = None
            if status != SUCCESS:
                return f"{NAME}: the PACS refuses what is sent; does it take these kinds of objects (SR, GSPS) from us?"
    return None
