"""The application factory. Neither importing it nor serving loads torch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import structlog
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from api import routes
from api.auth.key_cache import KeyCache
from api.auth.rate_limit import RateLimiter
from api.http import errors
from api.http.query import refuse_unknown_parameters
from api.metrics import DatabaseCollector, HttpMetrics
from api.middleware.body import BodyLimit, BodyPace, StrictJson
from api.middleware.context import RequestContext
from api.middleware.head import Head
from api.openapi import document
from api.routes import reference
from api.routes.console import static_files
from core.service.context import Services
from core.service.doorbell.celery import make_celery, open_doorbell
from core.service.jobs.sweep.sweep import sweep
from core.service.settings import Settings
from core.version import VERSION

log = structlog.get_logger(__name__)

CORS_EXPOSED = ["ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"]
"""The headers of an answer that pages of an allowed origin may read."""


def create_app(settings: Settings) -> FastAPI:
    """The HTTP application. Neither database nor broker need to be available yet: `/readyz` says when they are."""
    app = FastAPI(
        title="Lethe",
        summary="Makes generative and multimodal models forget on request.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
        # It would export query strings, and the bodies of invalid requests.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
    )
    app.state.settings = settings
    app.state.metrics = HttpMetrics()
    app.state.keys = KeyCache()
    app.state.limiter = RateLimiter(settings.requests_per_minute)
    errors.install(app)
    document.install(app)
    routers = [router for router in routes.ALL if settings.docs or router is not reference.router]
    for router in routers:
        app.include_router(router)
    app.state.endpoints = [route for router in routers for route in router.routes]
    app.mount("/static", static_files)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Middleware, the innermost first."""
    app.add_middleware(StrictJson)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, text_limit=settings.max_json_bytes)
    app.add_middleware(BodyPace, seconds=settings.body_seconds, bytes_per_second=settings.body_bytes_per_second)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=CORS_EXPOSED,
        )
    app.add_middleware(Head)
    app.add_middleware(RequestContext, metrics=app.state.metrics)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    with Services.open(settings) as services:
        app.state.services = services
        app.state.metrics.registry.register(DatabaseCollector(services.db))
        app.state.celery = make_celery(settings)
        services.doorbell = open_doorbell(settings, services.db, app.state.celery)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sweep_forever, services)
            yield
            tasks.cancel_scope.cancel()


async def _sweep_forever(services: Services) -> None:
    """Sweep every few seconds. Any number of processes may do this at once. An error is logged, by its type only."""
    while True:
        try:
            await run_in_threadpool(sweep, services)
        except Exception as error:
            log.warning("sweep_failed", error=type(error).__name__)
        await anyio.sleep(services.settings.sweep_seconds)


def _operation_id(route: APIRoute) -> str:
    return route.name
