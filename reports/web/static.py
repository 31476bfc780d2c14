"""Static files, held in memory under names that change with their content; no path ever reaches the disk."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reports.web.traffic import ROUTE

PREFIX = "/static/"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
# Where they come from: (package, folder, files or all). Styles come last: they name the others.
SOURCES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("reports", "static/fonts", ()),
    ("reports", "static", ("monthly.css",)),
    ("plotly", "package_data", ("plotly.min.js",)),
    ("reports", "static/web", ()),
)
_URL = re.compile(r"url\(([A-Za-z0-9._-]+)\)")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent, plain and compressed."""

    address: str
    content: bytes
    compressed: bytes
    media_type: str


@cache
def files() -> dict[str, StaticFile]:
    """Return every static file by its plain name, such as ``app.css``."""
    found: dict[str, StaticFile] = {}
    for package, folder, names in SOURCES:
        place = resources.files(package).joinpath(folder)
        every = names or tuple(sorted(item.name for item in place.iterdir()))
        for name in sorted(every, key=lambda name: name.endswith(".css")):
            suffix = PurePosixPath(name).suffix
            if suffix in MEDIA_TYPES:
                found[name] = _file(name, place.joinpath(name).read_bytes(), MEDIA_TYPES[suffix], found)
    return found


def _file(name: str, content: bytes, media_type: str, others: dict[str, StaticFile]) -> StaticFile:
    if name.endswith(".css"):
        content = _URL.sub(lambda match: f"url({others[match[1]].address})", content.decode()).encode()
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    digest = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(f"{PREFIX}{stem}.{digest}{suffix}", content, gzip.compress(content, 6), media_type)


@cache
def _by_address() -> dict[str, StaticFile]:
    return {file.address: file for file in files().values()}


def address(name: str) -> str:
    """Return the address of a static file by its plain name."""
    return files()[name].address


async def answer(request: Request) -> Response:
    """Send a static file. Its address changes with its content, so browsers keep it for good."""
    request.scope[ROUTE] = "static"
    file = _by_address().get(PREFIX + request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    # Only these are compressed: a page holds secrets, whose length compression would give away (BREACH).
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.content, media_type=file.media_type, headers=headers)
