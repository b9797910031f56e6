"""`/metrics` for Prometheus. It is about all tenants, so a tenant's key gives no access."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address

from fastapi import APIRouter, Request
from prometheus_client import exposition
from starlette.responses import Response

from api.http.problem import Problem, ProblemBody
from core.service.settings import Settings

router = APIRouter(tags=["health"])

_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")
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
_PROBLEM = {"model": ProblemBody, "description": "Problem"}


@router.get("/metrics", response_class=Response, responses={200: _TEXT, 401: _PROBLEM, 403: _PROBLEM})
def metrics(request: Request) -> Response:
    """Counters, gauges and histograms. For this machine alone, or for who holds the metrics token."""
    problem = _access_problem(request)
    if problem is not None:
        return problem.response(request.state.request_id)
    encode, media_type = exposition.choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.metrics.registry), media_type=media_type)


def _access_problem(request: Request) -> Problem | None:
    settings: Settings = request.app.state.settings
    if settings.metrics_token is None:
        return None if _is_local(request) else _FORBIDDEN
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = settings.metrics_token.get_secret_value().encode()
    valid = scheme.lower() == "bearer" and compare_digest(token.strip().encode(), expected)
    return None if valid else _UNAUTHORIZED


def _is_local(request: Request) -> bool:
    """Whether the request comes from a loopback address, and not through a proxy on this machine."""
    if request.client is None or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
