"""Administration of the machine: its sites, the model in use, what `doctor` finds."""

from __future__ import annotations

from starlette.responses import Response

from reports.web.admin_users import WHO
from reports.web.row import Row
from reports.web.visit import Visit
from warehouse import upkeep
from warehouse.errors import WarehouseError


def show(visit: Visit) -> Response:
    """Show sites and models; `doctor`, which takes seconds, comes after."""
    try:
        with visit.app.published.connection() as connection:
            models = upkeep.models(connection)
    except WarehouseError:
        models = []
    return visit.page("admin_machine.html.j2", models=models, sites=visit.app.settings.sites)


def doctor(visit: Visit) -> Response:
    """Run `doctor` and show what it finds."""
    return visit.page("admin_doctor.html.j2", results=visit.app.services.doctor())


ROWS = (
    Row("/admin/machine", "admin_machine", show, WHO, part="admin_users"),
    Row("/admin/machine/doctor", "admin_doctor", doctor, WHO, part="admin_users"),
)
