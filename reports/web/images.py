"""Thumbnails, heat maps and full-size pixels, under sealed addresses that open for this session and a short time."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.responses import Response

from reports.web.row import Row
from reports.web.user import CLINICIAN, DEPARTMENT_HEAD
from reports.web.visit import Visit, missing

READERS = frozenset({CLINICIAN, DEPARTMENT_HEAD})


def seal(visit: Visit, study_uid: str, instance_uid: str) -> str:
    """Return the part of an address that stands for one image of the site of this page."""
    return visit.seal("image", f"{visit.here.site}/{study_uid}/{instance_uid}")


def _unsealed(visit: Visit) -> tuple[str, str, str]:
    site, study_uid, instance_uid = visit.unseal("image", visit.request.path_params["image"]).split("/")
    if site != visit.here.site:
        raise missing()
    return site, study_uid, instance_uid


def _png(find: Callable[[Visit, str, str], bytes | None]) -> Callable[[Visit], Response]:
    def answer(visit: Visit) -> Response:
        site, _, instance_uid = _unsealed(visit)
        found = find(visit, site, instance_uid)
        if found is None:
            raise missing()
        return Response(found, media_type="image/png")

    return answer


def pixels(visit: Visit) -> Response:
    """Send one image in full size and depth; how to read it is in the header ``Bilan-Image``."""
    found = visit.app.services.pixels(*_unsealed(visit))
    if found is None:
        raise missing()
    headers = {"Content-Encoding": "gzip", "Bilan-Image": json.dumps(dict(found.head))}
    return Response(found.compressed, media_type="application/octet-stream", headers=headers)


thumbnail = _png(lambda visit, site, instance_uid: visit.app.services.thumbnail(site, instance_uid))
heat = _png(lambda visit, site, instance_uid: visit.app.services.heat(site, instance_uid))

ROWS = (
    Row("/site/{site}/images/{image}/thumbnail", "thumbnail", thumbnail, READERS, passive=True),
    Row("/site/{site}/images/{image}/heat", "heat", heat, READERS, passive=True),
    Row("/site/{site}/images/{image}/pixels", "pixels", pixels, READERS),
)
