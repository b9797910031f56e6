"""`/metrics` for Prometheus. It tells of all tenants at once, so no tenant's key opens it."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address

from fastapi import APIRouter, Request
from prometheus_client import exposition
from starlette.responses import Response

from api.http.problem import Problem, ProblemBody
from core.service.settings import Settings

router = APIRouter(tags=["health"])

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_FORBIDDEN = Problem(
    403,
    "metrics_forbidden",
    "Forbidden",
    "Only this machine may read the metrics. Set LETHE_METRICS_TOKEN and send it as a bearer token from elsewhere.",
)
_UNAUTHORIZED = Problem(
    401,
    "unauthorized",
    "Unauthorized",
    "Send the metrics token as Authorization: Bearer …",
    headers={"WWW-Authenticate": 'Bearer realm="lethe-metrics"'},
)
_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format"}
_REFUSED = {"model": ProblemBody, "description": "Problem"}


@router.get("/metrics", response_class=Response, responses={200: _TEXT, 401: _REFUSED, 403: _REFUSED})
def metrics(request: Request) -> Response:
    """Counters, gauges and histograms. For this machine alone, or for who holds the metrics token."""
    refused = _refused(request)
    if refused is not None:
        return refused.response(request.state.request_id)
    encode, media_type = exposition.choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.metrics.registry), media_type=media_type)


def _refused(request: Request) -> Problem | None:
    settings: Settings = request.app.state.settings
    if settings.metrics_token is None:
        return None if _from_here(request) else _FORBIDDEN
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = settings.metrics_token.get_secret_value().encode()
    right = kind.lower() == "bearer" and compare_digest(given.strip().encode(), wanted)
    return None if right else _UNAUTHORIZED


def _from_here(request: Request) -> bool:
    """From a loopback address, and not on behalf of somebody whom a proxy on this machine speaks for."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
