"""The response with an artefact: a redirect to the object store if that is public, else its content."""

from __future__ import annotations

import base64

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from api.http import conditional
from core.service.context import Services
from core.service.jobs.artifacts import ArtifactRow

PRESIGNED_SECONDS = 600


def artifact_response(request: Request, services: Services, artifact: ArtifactRow, filename: str) -> Response:
    """A response of status 200, 206, 304 or 307, by the request's headers and the store. Raises 416."""
    url = services.storage.presign(artifact.storage_key, filename=filename, ttl=PRESIGNED_SECONDS)
    headers = _headers(artifact, filename)
    if url is not None:
        return RedirectResponse(url, 307, headers={"Repr-Digest": headers["Repr-Digest"], "Cache-Control": "no-store"})
    if conditional.matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    byte_range = None if conditional.is_head(request) else _requested_range(request, artifact, headers["ETag"])
    if byte_range is None:
        headers["Content-Length"] = str(artifact.size)
        if conditional.is_head(request):
            return Response(headers=headers, media_type=artifact.media_type)
        return StreamingResponse(
            services.storage.open(artifact.storage_key, sha256=artifact.sha256),
            headers=headers,
            media_type=artifact.media_type,
        )
    headers |= {"Content-Range": byte_range.content_range, "Content-Length": str(byte_range.length)}
    content = services.storage.open(artifact.storage_key, offset=byte_range.start, length=byte_range.length)
    return StreamingResponse(content, 206, headers=headers, media_type=artifact.media_type)


def repr_digest(sha256: str) -> str:
    """A hex sha256 as the value of `Repr-Digest` (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def _headers(artifact: ArtifactRow, filename: str) -> dict[str, str]:
    return {
        "ETag": f'"{artifact.sha256}"',
        "Repr-Digest": repr_digest(artifact.sha256),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{filename}"',
    }


def _requested_range(request: Request, artifact: ArtifactRow, tag: str) -> conditional.ByteRange | None:
    condition = request.headers.get("if-range")
    if condition is not None and condition != tag:
        return None
    try:
        return conditional.parse_range(request.headers.get("range"), artifact.size)
    except conditional.UnsatisfiableRangeError:
        headers = {"Content-Range": f"bytes */{artifact.size}"}
        raise HTTPException(416, "The range lies behind the end of the file.", headers) from None
