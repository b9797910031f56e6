"""The routes, with one module or folder for each resource."""

from __future__ import annotations

from api.routes import (
    audit,
    console,
    files,
    health,
    keys,
    methods,
    metrics,
    models,
    reference,
    requests,
    webhooks,
    wellknown,
)
from api.routes.jobs import actions, artifacts, events
from api.routes.jobs import routes as job_routes
from api.routes.opendsr import routes as opendsr_routes

ALL = (
    job_routes.router,
    requests.router,
    actions.router,
    events.router,
    artifacts.router,
    files.router,
    models.router,
    methods.router,
    keys.router,
    webhooks.router,
    opendsr_routes.router,
    audit.router,
    health.router,
    metrics.router,
    wellknown.router,
    reference.router,
    console.router,
)
