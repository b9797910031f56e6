"""Whether the process is alive, and whether it can serve requests."""

from __future__ import annotations

import time
from concurrent.futures import Future

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.deps import ServicesDep
from api.schemas import Check, Readiness
from core.service.context import Services
from core.service.db.migrate import head_revision
from core.service.doorbell.celery import ping
from core.service.kit.timely import Timely

PATIENCE_SECONDS = 4.5
"""That `readyz` waits for all that it asks: it answers in five seconds, whatever does not."""

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up. Asks nothing of the database, the broker or the store."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Unavailable"}})
def readyz(request: Request, services: ServicesDep) -> Response:
    """Database at its newest revision, broker and store: one row a check, 503 while one fails."""
    until = time.monotonic() + PATIENCE_SECONDS
    begun = {name: probe.start() for name, probe in _probes(request, services).items()}
    checks = [_check(name, running, until) for name, running in begun.items()]
    ready = all(check.ok for check in checks)
    body = Readiness(status="ready" if ready else "unavailable", checks=checks)
    return JSONResponse(body.model_dump(), 200 if ready else 503)


def _probes(request: Request, services: Services) -> dict[str, Timely]:
    """One for each dependency, the same for every call."""
    state = request.app.state
    if not hasattr(state, "probes"):
        probes = {
            "database": lambda: _database(services),
            "broker": lambda: ping(state.celery),
            "store": services.storage.ping,
        }
        state.probes = {name: Timely(probe) for name, probe in probes.items()}
    found: dict[str, Timely] = state.probes
    return found


def _check(name: str, running: Future[object], until: float) -> Check:
    try:
        running.result(max(0.0, until - time.monotonic()))
    except _NotReadyError as problem:
        return Check(name=name, ok=False, detail=str(problem))
    except Exception as error:
        return Check(name=name, ok=False, detail=f"Not reachable ({type(error).__name__}).")
    return Check(name=name, ok=True, detail="ok")


class _NotReadyError(Exception):
    """Something is reachable but not usable. The message is shown."""


def _database(services: Services) -> None:
    revision, head = services.db.revision(), head_revision()
    if revision != head:
        raise _NotReadyError(
            f"The database is at revision {revision or 'none'}, the code needs {head}: run the migrations."
        )
