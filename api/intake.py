"""A job request as it arrives: JSON, or multipart with the JSON in `request` and pictures in `images`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api import body
from api.idempotent import fingerprint
from core.service.errors import InvalidRequest
from core.service.jobs.schema import JobCreate
from core.service.settings import Settings


@dataclass(frozen=True)
class JobIntake:
    """A validated request with its uploaded pictures, still encoded, and what identifies it for idempotency."""

    create: JobCreate
    images: list[bytes]
    fingerprint: str


async def read_job(request: Request) -> JobIntake:
    """Dependency of `POST /v1/jobs`. Raises 400, 413, 415 or 422."""
    images: list[bytes] = []
    if body.media_type(request.headers) == body.MULTIPART:
        data, images = await _from_form(request)
    elif body.is_json(request.headers):
        data = body.parse_json(await request.body())
    else:
        raise body.unsupported(body.JSON, body.MULTIPART)
    create = body.validated(JobCreate, data)
    return JobIntake(create, images, fingerprint(request, create.model_dump(mode="json"), images))


async def _from_form(request: Request) -> tuple[Any, list[bytes]]:
    settings: Settings = request.app.state.settings
    form = await body.read_multipart(
        request, max_files=settings.max_images + 1, max_field_bytes=settings.max_json_bytes
    )
    try:
        _only_known_parts(form)
        described = form.getlist("request")
        if len(described) != 1:
            raise HTTPException(400, "Send exactly one part named request, with the JSON of the job.")
        images = [await _picture(part, settings) for part in form.getlist("images")]
        part = described[0]
        return body.parse_json(await part.read() if isinstance(part, UploadFile) else part), images
    finally:
        await form.close()


def _only_known_parts(form: FormData) -> None:
    if set(form) - {"request", "images"}:
        raise InvalidRequest("A multipart job has the parts request and images, and no others.")


async def _picture(part: UploadFile | str, settings: Settings) -> bytes:
    if isinstance(part, str):
        raise InvalidRequest.one("/images", "not_a_file", "Send each part named images as a file.")
    if (part.size or 0) > settings.max_image_bytes:
        raise HTTPException(413, f"An image is larger than {settings.max_image_bytes} bytes.")
    return await part.read()
