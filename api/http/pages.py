"""The query parameters of paginated lists, and the link to the next page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request

from api.deps import base_url
from core.service.context import Services

Limit = Annotated[int, Query(ge=1, description="Entries on a page; more than 100 is lowered to 100.")]
After = Annotated[str | None, Query(max_length=500, description="Value of `next_cursor` of the page before.")]


def link_header(request: Request, services: Services, cursor: str | None) -> dict[str, str]:
    """The `Link` header to the next page of this list; empty on the last page."""
    if cursor is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    url = f"{base_url(services)}{request.url.path}?{urlencode([*query, ('after', cursor)])}"
    return {"Link": f'<{url}>; rel="next"'}
