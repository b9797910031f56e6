"""Lists of several pages as one iterator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from client.models import Model
from client.transport import Transport

M = TypeVar("M", bound=Model)


def iterate(transport: Transport, path: str, params: Mapping[str, Any], kind: type[M]) -> Iterator[M]:
    """Every item of a list, asking for the next page when the present one is used up."""
    query = {name: value for name, value in params.items() if value is not None}
    while True:
        page = transport.json("GET", path, params=query)
        yield from (kind.model_validate(item) for item in page["data"])
        if not page.get("has_more") or not page.get("next_cursor"):
            return
        query["after"] = page["next_cursor"]
