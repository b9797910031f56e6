"""The OpenAPI document: FastAPI's, with the bodies that we read ourselves, links, and one shape of error.

`python -m api.openapi` prints it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.openapi_links import add_links
from core.service.jobs.schema import JobCreate
from core.service.opendsr.schema import OpendsrCreate

_READ_BY_US = (JobCreate, OpendsrCreate)
_REF = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Replace `app.openapi`. The document is made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document["components"]["schemas"]
    for model in _READ_BY_US:
        body = model.model_json_schema(ref_template=_REF)
        schemas.update(body.pop("$defs", {}))
        schemas[model.__name__] = body
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    add_links(document["paths"])
    return document


def rendered() -> str:
    """The document as it is committed."""
    from api.app import create_app
    from core.service.settings import Settings

    app = create_app(Settings.model_construct(data_dir=Path("lethe-data")))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
