"""The committed OpenAPI document as a list of operations, and requests made from its own examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.paths import ROOT

PATH = ROOT / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
"""One pixel."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    scopes: tuple[str, ...] | None
    """None where no key is needed."""
    body: dict[str, Any] | None

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def content(self) -> dict[str, Any]:
        """What the document gives as an example of the body, as arguments of an httpx request."""
        content = (self.body or {}).get("content", {})
        if "application/json" in content:
            return {"json": _example(content["application/json"])}
        if "multipart/form-data" in content:
            return _form(content["multipart/form-data"]["schema"])
        return {}


def operations() -> list[Operation]:
    """Every operation of the document."""
    return list(_operations())


def _operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            security = operation.get("security")
            named = [scope for need in security or [] for scopes in need.values() for scope in scopes]
            yield Operation(
                method.upper(), path, None if security is None else tuple(named), operation.get("requestBody")
            )


def _example(media: dict[str, Any]) -> Any:
    if "example" in media:
        return media["example"]
    schema = _resolved(media["schema"])
    assert "examples" in schema, f"give the schema {schema.get('title')} an example"
    return schema["examples"][0]


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    data, files = {}, {}
    for name in schema["required"]:
        kind = _resolved(schema["properties"][name])
        if kind.get("format") == "binary" or "contentMediaType" in kind:
            files[name] = ("picture.png", PNG, "image/png")
        else:
            data[name] = kind["enum"][0]
    return {"data": data, "files": files}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found
