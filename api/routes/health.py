"""Whether the process is alive, and whether it can serve requests."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.deps import ServicesDep
from api.schemas import Check, Readiness
from core.service.context import Services
from core.service.db.migrate import head_revision
from core.service.doorbell.celery import ping

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up. Asks nothing of the database, the broker or the store."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Unavailable"}})
def readyz(request: Request, services: ServicesDep) -> Response:
    """Database at its newest revision, broker and store: one row a check, 503 while one fails."""
    checks = [
        _check("database", lambda: _database(services)),
        _check("broker", lambda: ping(request.app.state.celery)),
        _check("store", lambda: services.storage.ping()),
    ]
    ready = all(check.ok for check in checks)
    body = Readiness(status="ready" if ready else "unavailable", checks=checks)
    return JSONResponse(body.model_dump(), 200 if ready else 503)


def _check(name: str, probe: Callable[[], object]) -> Check:
    try:
        probe()
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
