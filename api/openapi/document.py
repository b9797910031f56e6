"""The OpenAPI document: FastAPI's own, plus the request bodies that we parse ourselves, and links."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.openapi.links import add_links
from core.service.jobs.schema import JobCreate
from core.service.opendsr.schema import OpendsrCreate

_PARSED_BY_US = (JobCreate, OpendsrCreate)
_REF = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Replace `app.openapi`. The document is built once, when it is first requested."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document["components"]["schemas"]
    for model in _PARSED_BY_US:
        body = model.model_json_schema(ref_template=_REF)
        schemas.update(body.pop("$defs", {}))
        schemas[model.__name__] = body
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    add_links(document["paths"])
    return document
