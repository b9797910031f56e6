"""The web console at `/` and its files. They hold no data: the browser calls the API with the user's own key."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

_STATIC = Path(__file__).resolve().parent.parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)
static_files = StaticFiles(directory=_STATIC)


@router.get("/")
def console() -> Response:
    """The page."""
    return FileResponse(
        _STATIC / "console.html", headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    )
