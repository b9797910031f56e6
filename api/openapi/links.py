"""OpenAPI links: from the answer that creates a resource to the operations on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_CREATED = ("201", "202")
_PARAMETER = re.compile(r"\{(\w+)\}")


def add_links(paths: dict[str, Any]) -> None:
    """Add links to each POST on a collection, to the operations that need the new resource's id and no other."""
    for path, operations in paths.items():
        if "post" not in operations or _PARAMETER.search(path):
            continue
        links = dict(_links(paths, path))
        for status, response in operations["post"]["responses"].items():
            if status in _CREATED and links:
                response["links"] = links


def _links(paths: dict[str, Any], collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in paths.items():
        needed = _PARAMETER.findall(path)
        if len(needed) != 1 or not path.startswith(f"{collection}/{{"):
            continue
        for operation in operations.values():
            name = operation["operationId"]
            yield name, {"operationId": name, "parameters": {needed[0]: f"$response.body#/{_member(needed[0])}"}}


def _member(parameter: str) -> str:
    """The member of the answer that holds the id: `id`, except where OpenDSR has its own name."""
    return parameter if parameter == "subject_request_id" else "id"
