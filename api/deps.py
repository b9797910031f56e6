"""Dependencies of the routes: the services of this process, and the authenticated caller with its scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, cast

import structlog
from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool

from api.auth.key_cache import KeyCache
from api.auth.rate_limit import RateLimiter
from core.service.access.keys import Principal, authenticate, record_use, require
from core.service.context import Services
from core.service.errors import RateLimited, Unauthorized
from core.service.kit.clock import now

_bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="An API key: `Authorization: Bearer lk_…`")


def services_of(request: Request) -> Services:
    """The services that the application opened at its start."""
    return cast(Services, request.app.state.services)


async def get_services(request: Request) -> Services:
    """`services_of` as a dependency. FastAPI would call a synchronous function in another thread."""
    return services_of(request)


ServicesDep = Annotated[Services, Depends(get_services)]


def base_url(services: Services) -> str:
    """The prefix of every link: the public URL of the settings, else empty, which makes links relative."""
    return (services.settings.public_url or "").rstrip("/")


async def get_principal(
    request: Request,
    scopes: SecurityScopes,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """The caller. Raises 401 without a valid key, 429 above the key's rate, 403 without the route's scopes."""
    if bearer is None:
        raise Unauthorized("Send an API key as Authorization: Bearer lk_…")
    principal = await _principal(request, bearer.credentials)
    structlog.contextvars.bind_contextvars(tenant=principal.tenant_id, key=principal.key_id)
    _count_request(request, principal.key_id)
    for scope in scopes.scopes:
        require(principal, scope)
    return principal


async def _principal(request: Request, secret: str) -> Principal:
    services, cache = services_of(request), cast(KeyCache, request.app.state.keys)
    digest = services.keyring.mac("api-key", secret.encode())
    cached = cache.get(digest)
    if cached is not None:
        return cached
    return await run_in_threadpool(cache.load, digest, lambda: _authenticate(services, secret))


def _authenticate(services: Services, secret: str) -> Principal:
    at = now()
    with services.db.read() as session:
        principal = authenticate(session, secret, at)
    if principal.stale:
        with services.db.write() as session:
            record_use(session, principal, at)
    return replace(principal, stale=False)


def _count_request(request: Request, key_id: str) -> None:
    limiter: RateLimiter = request.app.state.limiter
    quota = limiter.take(key_id)
    request.state.response_headers.update(quota.headers())
    if quota.wait:
        detail = f"This key may send {quota.limit} requests a minute."
        raise RateLimited(detail, headers={"Retry-After": str(quota.wait)})


JobsRead = Annotated[Principal, Security(get_principal, scopes=["jobs:read"])]
JobsWrite = Annotated[Principal, Security(get_principal, scopes=["jobs:write"])]
ArtifactsRead = Annotated[Principal, Security(get_principal, scopes=["artifacts:read"])]
FilesWrite = Annotated[Principal, Security(get_principal, scopes=["files:write"])]
ModelsManage = Annotated[Principal, Security(get_principal, scopes=["models:manage"])]
KeysManage = Annotated[Principal, Security(get_principal, scopes=["keys:manage"])]
WebhooksManage = Annotated[Principal, Security(get_principal, scopes=["webhooks:manage"])]
AuditRead = Annotated[Principal, Security(get_principal, scopes=["audit:read"])]
Anyone = Annotated[Principal, Security(get_principal)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="1 to 255 visible ASCII characters; a repeat gets the first answer."),
]
