"""Query parameters that a route does not have are refused: a filter that is not there would show too much."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute

from core.service.errors import BadRequest


async def refuse_unknown_parameters(request: Request) -> None:
    """Dependency of every route. Raises 400."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = _names(route.dependant)
    if not known.issuperset(request.query_params):
        names = ", ".join(sorted(known)) or "none"
        raise BadRequest(f"A query parameter is unknown. Those of this route: {names}.", code="unknown_parameter")


def _names(dependant: Any) -> set[str]:
    """The names of a route's query parameters, and of those of its dependencies."""
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*(_names(each) for each in dependant.dependencies))
