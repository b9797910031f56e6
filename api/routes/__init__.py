"""One module for each resource."""

from __future__ import annotations

from api.routes import (
    artifacts,
    audit,
    console,
    events,
    files,
    health,
    job_actions,
    jobs,
    keys,
    methods,
    metrics,
    models,
    opendsr,
    reference,
    webhooks,
    wellknown,
)

ALL = (
    jobs.router,
    job_actions.router,
    events.router,
    artifacts.router,
    files.router,
    models.router,
    methods.router,
    keys.router,
    webhooks.router,
    opendsr.router,
    audit.router,
    health.router,
    metrics.router,
    wellknown.router,
    reference.router,
    console.router,
)
