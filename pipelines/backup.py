"""Back-up and restore: one archive of a home, with the hash of each file; keys in one of their own.

An archive is a plain tar file: the files, then `manifest.json` (when, by which version, the hash and size of
each file), so that one that was cut off has none. Databases are copied as one moment shows them, the
warehouse and the identified store at the same moment, while nights, receivers and the web application go on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines import config as configuration
from pipelines.config import Config
from pipelines.config_hub import hub_store
from pipelines.errors import BilanError
from pipelines.init import FOLDERS
from pipelines.source_settings import FolderSource
from warehouse import backup, connect, publish, signature
from warehouse.errors import KeyFileError, WarehouseError
from warehouse.pseudonym import Pseudonymiser, read_key, rotating

FORM = 1
MANIFEST = "manifest.json"
# What opens pseudonyms, mail and TLS: never in the archive of the data.
SECRETS = ("keys", "tls")
# What the PACS can send again, and is by far the most.
IMAGES = ("spool", "quarantine")
# Made anew by any night (the readers' copy), or of no use elsewhere.
LEFT_OUT = ("logs", "truth")
_PUBLISHED = "data/published.duckdb"
_WAREHOUSE = "data/warehouse.duckdb"
_HUB = "data/hub.duckdb"
_IDENTIFIED = "data/identified.sqlite"
_KEY = re.compile(r"[0-9a-f]{64}")
_SEAL = b"bilan-sealed-backup/1\n"
_AUDIT_HEAD = "audit-head.json"


class BackupError(BilanError):
    """A back-up was not made, or not restored; nothing that was there was changed. The text says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    name: str
    size: int
    sha256: str


def make(
    config: Config, target: Path, keys: Path | None = None, *, images: bool = False, recipient: str | None = None
) -> dict[str, Any]:
    """Write the archive of a home to `target`, and the keys to `keys`; return what is in it and what is not.

    Both files must not exist, are readable by their owner alone, and appear whole or not at all. With a
    `recipient` (a public key, see `recipient_key`) the archive of the keys is sealed, and the identified store is in it
    instead of in the data.

    Raises
    ------
    BackupError
        If a target exists or lies inside the home, or a key is being replaced.
    """
    for path in filter(None, (target, keys)):
        if path.exists():
            raise BackupError(f"{path} exists already: name a new file")
        if path.resolve().is_relative_to(config.home):
            raise BackupError(f"{path} lies inside the home: a back-up belongs elsewhere")
    if recipient is not None and (keys is None or not _KEY.fullmatch(recipient)):
        raise BackupError("the recipient is the public key that `bilan backup-key` prints, and goes with --keys")
    before = _key_files(config)
    skipped = {*SECRETS, *LEFT_OUT, *(() if images else IMAGES)}
    taken_at = datetime.now(UTC)
    with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=".bilan-backup-") as folder:
        aside = Path(folder)
        copies = _copies(config, aside, skipped)
        names = sorted({*_names(config, skipped), *copies})
        files = {name: copies.get(name, config.home / name) for name in names}
        secret = {name: config.home / name for top in SECRETS for name in _below(config.home, top)}
        if recipient is not None and _IDENTIFIED in files:
            secret[_IDENTIFIED] = files.pop(_IDENTIFIED)
        in_keys: list[Member] = []
        try:
            members = _write(target, files, taken_at, "data")
            if keys is not None:
                in_keys = _write(keys, secret, taken_at, "keys", recipient)
            _refuse_others(before, _key_files(config))
        except BaseException:
            for made in filter(None, (target, keys)):
                made.unlink(missing_ok=True)
            raise
    return {
        "archive": str(target),
        "files": len(members),
        "bytes": target.stat().st_size,
        "taken_at": taken_at.isoformat(),
        "keys": str(keys) if keys else None,
        "key_files": len(in_keys),
        "images": images,
        "sealed": recipient is not None,
    }


def recipient_key(path: Path) -> str:
    """Return the public half of the key in a file, which is made where there is none: back-ups are sealed to it."""
    return signature.public_text(signature.opening_key(path))


def _key_files(config: Config) -> dict[str, str]:
    """Return the hash of each pseudonym key.

    Raises
    ------
    BackupError
        If a key is being replaced: of what is copied then, one part would be under another key than the rest.
    """
    if rotating(config.warehouse).exists() or any((config.home / "keys").glob("*.key.n*")):
        raise BackupError(
            "a pseudonym key is being replaced, or that was cut short: wait, or run the site's next night, which ends"
            " it; then make the back-up"
        )
    found = sorted((config.home / "keys").glob("*.key"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _refuse_others(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    if before != after:
        raise BackupError("a key was replaced meanwhile: make the back-up once more")


def _copies(config: Config, aside: Path, skipped: set[str]) -> dict[str, Path]:
    """Copy the databases; return the copy of each by its name in the home."""
    found: dict[str, Path] = {}

    def copied(name: str) -> Path:
        found[name] = aside / f"{len(found)}.copy"
        return found[name]

    head = config.home / _AUDIT_HEAD
    if head.exists():  # before the trail itself: a head beyond its end would look like rows cut off
        shutil.copyfile(head, copied(_AUDIT_HEAD))
    hub = hub_store(config.home)
    if hub.exists():
        with backup.held(hub, copied(_HUB), config.machine.writer_wait_minutes, connect.HUB):
            pass
    databases = [name for name in _names(config, skipped) if backup.is_sqlite(config.home / name)]
    if config.warehouse.exists():
        connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
        with backup.held(config.warehouse, copied(_WAREHOUSE), config.machine.writer_wait_minutes):
            for name in databases:
                backup.copy_sqlite(config.home / name, copied(name))
    else:
        for name in databases:
            backup.copy_sqlite(config.home / name, copied(name))
    return found


def _names(config: Config, skipped: set[str]) -> Iterator[str]:
    # A source's folder is the sender's, also where it lies in the home.
    sources = [source for site in config.sites.values() for source in site.sources if isinstance(source, FolderSource)]
    theirs = [source.path.resolve() for source in sources]
    for top in sorted(path.name for path in config.home.iterdir()):
        if top not in skipped:
            for name in _below(config.home, top):
                if not any((config.home / name).is_relative_to(folder) for folder in theirs):
                    yield name


def _below(home: Path, top: str) -> Iterator[str]:
    start = home / top
    for path in [start] if start.is_file() else sorted(start.rglob("*")):
        name = path.relative_to(home).as_posix()
        passing = path.name.endswith((".lock", ".publishing", "-wal", "-shm", "-journal", ".wal", ".part"))
        if path.is_file() and not path.is_symlink() and not passing and name not in (_PUBLISHED, _WAREHOUSE, _HUB):
            yield name


def _write(
    target: Path, files: Mapping[str, Path], taken_at: datetime, kind: str, recipient: str | None = None
) -> list[Member]:
    aside = target.with_name(f".{target.name}.part")
    members: list[Member] = []
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            plain: Any = file if recipient is None else io.BytesIO()  # keys and links are few: nothing of them on disk
            with tarfile.open(fileobj=plain, mode="w") as archive:
                for name, path in files.items():
                    try:
                        mode = path.stat().st_mode & 0o777
                        members.append(_add(archive, name, path, mode))
                    except FileNotFoundError:  # taken away since it was listed: an inbox that a night emptied
                        continue
                listed = [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in members]
                head = {"form": FORM, "kind": kind, "taken_at": taken_at.isoformat(), "version": version("bilan")}
                content = json.dumps({**head, "files": listed}, indent=1).encode()
                archive.addfile(_info(MANIFEST, len(content), 0o600), io.BytesIO(content))
            if recipient is not None:
                file.write(_SEAL + signature.seal(recipient, plain.getvalue(), signature.BACKUP))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return members


def _add(archive: tarfile.TarFile, name: str, path: Path, mode: int) -> Member:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # A file that grows meanwhile (a log) is in the archive as far as it went when it was begun.
        hashing = _Hashing(file)
        archive.addfile(_info(name, size, mode), hashing)
    return Member(name, size, hashing.digest.hexdigest())


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._file.read(size)
        self.digest.update(block)
        return block


def _info(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info


def restore(archive: Path, home: Path, keys: Path | None = None, opening: Path | None = None) -> dict[str, Any]:
    """Put a back-up in place of a home that is not there yet; return what it holds and what is lost since.

    `opening` is the file of the private key to which the archive of the keys was sealed. Every file is
    unpacked beside the home and compared with its hash, the databases are opened, and the keys tried on the data,
    before anything takes its place.

    Raises
    ------
    BackupError
        If there is something at `home`, or the archive is not whole, not ours, or of a newer version.
    """
    if home.exists() and any(home.iterdir()):
        raise BackupError(f"{home} is not empty: move it away, or name another folder; nothing was changed")
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=home.resolve().parent, prefix=".bilan-restore-"))
    try:
        manifest = _unpack(archive, aside, "data")
        if keys is not None:
            _unpack(keys, aside, "keys", opening)
        result = _open(aside, manifest)
        if home.exists():
            home.rmdir()
        aside.chmod(0o750)
        aside.rename(home)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return {"home": str(home), **result}


def _opened(archive: Path, opening: Path | None) -> Any:
    """Return an archive as a file, opened where it was sealed."""
    file = archive.open("rb")
    if file.read(len(_SEAL)) != _SEAL:
        file.seek(0)
        return file
    with file:
        if opening is None or not opening.is_file():
            raise BackupError(f"{archive} is sealed: name the file of the key that opens it; not restored")
        try:
            return io.BytesIO(signature.unseal(signature.opening_key(opening), file.read(), signature.BACKUP))
        except WarehouseError:
            raise BackupError(f"{archive} was sealed for another key, or altered: not restored") from None


def _unpack(archive: Path, folder: Path, kind: str, opening: Path | None = None) -> dict[str, Any]:
    found: dict[str, tuple[int, str]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with _opened(archive, opening) as content_of, tarfile.open(fileobj=content_of, mode="r:") as file:
            for info in file:
                content = file.extractfile(info) if info.isreg() else None
                if content is None or not _plain(info.name):
                    raise BackupError("the archive holds something that is no plain file of a home: not restored")
                if info.name == MANIFEST:
                    manifest = json.load(content)
                    continue
                found[info.name] = _place(content, folder / info.name, info.mode & 0o700 | info.mode & 0o040)
    except (OSError, tarfile.TarError, ValueError):
        raise BackupError(f"{archive} cannot be read as a back-up: not restored") from None
    if manifest is None or manifest.get("form") != FORM or manifest.get("kind") != kind:
        raise BackupError(f"{archive} is no whole back-up of {kind}: it was cut off, or is another file; not restored")
    stated = {one["name"]: (one["size"], one["sha256"]) for one in manifest["files"]}
    wrong = {name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name)}
    if wrong:
        raise BackupError(f"{len(wrong)} of {len(stated)} files are not as they were backed up: not restored")
    return manifest


def _plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name


def _place(content: Any, path: Path, mode: int) -> tuple[int, str]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        while block := content.read(1 << 20):
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)
    return size, digest.hexdigest()


def _open(home: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Open what was unpacked: bring the schema up to date, publish the readers' copy, try the keys."""
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "keys").chmod(0o700)
    config = configuration.load(home)
    nights: dict[str, str] = {}
    wrong: list[str] = []
    missing = sorted(site for site in config.sites if not config.key(site).is_file())
    if config.warehouse.exists():
        connect.migrate(config.warehouse)
        publish.publish(config.warehouse, config.published)
        with connect.reader(config.published) as connection:
            nights = {site: day.isoformat() for site, day in backup.last_nights(connection).items()}
            used = backup.key_ids(connection, config.sites)
        wrong = sorted(site for site, key in used.items() if site not in missing and _key_id(config, site) != key)
    return {
        "taken_at": manifest["taken_at"],
        "version": manifest["version"],
        "files": len(manifest["files"]),
        "last_nights": nights,
        "keys_missing": missing,
        "keys_wrong": wrong,
        "images": (home / "spool").is_dir() and any((home / "spool").iterdir()),
    }


def _key_id(config: Config, site: str) -> str | None:
    try:
        return Pseudonymiser(read_key(config.key(site))).key_id
    except KeyFileError:
        return None
