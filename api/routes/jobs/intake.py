"""Parses the body of a job request: JSON, or multipart with the JSON in `request` and files in `images` and `audio`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.http import body
from api.http.idempotent import fingerprint
from core.service.errors import InvalidRequest
from core.service.jobs.inputs import NO_UPLOADS, Uploads
from core.service.jobs.schema import JobCreate
from core.service.settings import Settings


@dataclass(frozen=True)
class JobIntake:
    """A validated request with its uploaded files, still encoded, and its fingerprint for idempotency."""

    create: JobCreate
    uploads: Uploads
    fingerprint: str


async def read_job(request: Request) -> JobIntake:
    """Dependency of `POST /v1/jobs`. Raises 400, 413, 415 or 422."""
    uploads = NO_UPLOADS
    if body.media_type(request.headers) == body.MULTIPART:
        data, uploads = await _from_form(request)
    elif body.is_json(request.headers):
        data = body.parse_json(await request.body())
    else:
        raise body.unsupported(body.JSON, body.MULTIPART)
    create = body.validated(JobCreate, data)
    blobs = (*uploads.images, *uploads.audio)
    # A member that earlier releases did not have counts only where it is used: their keys are still good.
    content = create.model_dump(mode="json", exclude=set() if create.request else {"request"})
    return JobIntake(create, uploads, fingerprint(request, content, blobs))


async def _from_form(request: Request) -> tuple[Any, Uploads]:
    settings: Settings = request.app.state.settings
    max_files = settings.max_images + settings.max_audio + 1
    form = await body.read_multipart(request, max_files=max_files, max_field_bytes=settings.max_json_bytes)
    try:
        _only_known_parts(form)
        parts = form.getlist("request")
        if len(parts) != 1:
            raise HTTPException(400, "Send exactly one part named request, with the JSON of the job.")
        images = [await _file(part, "images") for part in form.getlist("images")]
        clips = [await _file(part, "audio") for part in form.getlist("audio")]
        part = parts[0]
        return body.parse_json(await part.read() if isinstance(part, UploadFile) else part), Uploads(images, clips)
    finally:
        await form.close()


def _only_known_parts(form: FormData) -> None:
    if set(form) - {"request", "images", "audio"}:
        raise InvalidRequest("A multipart job has the parts request, images and audio, and no others.")


async def _file(part: UploadFile | str, name: str) -> bytes:
    if isinstance(part, str):
        raise InvalidRequest.one(f"/{name}", "not_a_file", f"Send each part named {name} as a file.")
    return await part.read()
