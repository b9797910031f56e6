"""Pictures and sounds that are uploaded before the job that names them."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Annotated, cast, get_args

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from api.deps import FilesWrite, IdempotencyKey, ServicesDep
from api.http import body
from api.http.idempotent import Answer, answer_once, find_replay, fingerprint
from api.openapi.bodies import CREATE_FILE
from api.schemas import WITH_BODY, FileView, problems
from core.service import audit, files
from core.service.db.tables.files import Purpose
from core.service.errors import InvalidRequest
from core.service.files import FileRecord
from core.service.settings import Settings

router = APIRouter(prefix="/v1/files", tags=["files"])


class Upload:
    """An uploaded file, in memory: the subject's data is never in a plain temporary file."""

    def __init__(self, purpose: Purpose, content: bytes) -> None:
        self.purpose, self.content = purpose, content


async def read_upload(request: Request) -> Upload:
    """Dependency: the parts `purpose` and `file` of a multipart request."""
    if body.media_type(request.headers) != body.MULTIPART:
        raise body.unsupported(body.MULTIPART)
    settings: Settings = request.app.state.settings
    form = await body.read_multipart(request, max_files=1, max_field_bytes=1000)
    purpose, file = form.get("purpose"), form.get("file")
    if purpose not in get_args(Purpose):
        raise InvalidRequest.one("/purpose", "invalid_purpose", "Send a part purpose: forget or retain.")
    if not isinstance(file, UploadFile):
        raise InvalidRequest.one("/file", "missing", "Send a part file with the picture or sound.")
    content = await file.read(max(settings.max_image_bytes, settings.max_audio_bytes) + 1)
    return Upload(cast(Purpose, purpose), content)


@router.post("", status_code=201, response_model=FileView, responses=problems(*WITH_BODY), openapi_extra=CREATE_FILE)
def create_file(
    request: Request,
    principal: FilesWrite,
    services: ServicesDep,
    upload: Annotated[Upload, Depends(read_upload)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Upload a picture (JPEG, PNG, WebP) or a sound (WAV, FLAC).

    It is encrypted at once, and erased after a day unless a job names it.
    """
    content = {"purpose": upload.purpose, "sha256": hashlib.sha256(upload.content).hexdigest()}
    sent = fingerprint(request, content)
    if (replay := find_replay(services, principal, idempotency_key, sent)) is not None:
        return replay

    def make(session: Session, stored: files.StoredFile) -> Answer:
        record = files.add_file(session, principal.tenant_id, upload.purpose, stored, services.settings)
        audit.record(session, principal.tenant_id, principal.key_id, "file.created", record.id)
        return Answer(201, _view(record).model_dump(mode="json"), {"Location": f"/v1/files/{record.id}"})

    with files.storing_file(services, BytesIO(upload.content)) as stored:
        return answer_once(services, principal, idempotency_key, sent, lambda session: make(session, stored))


@router.get("/{file_id}", responses=problems())
def get_file(file_id: str, principal: FilesWrite, services: ServicesDep) -> FileView:
    """What is known about a file; its content cannot be read back."""
    with services.db.read() as session:
        return _view(files.get_file(session, principal.tenant_id, file_id))


@router.delete("/{file_id}", status_code=204, response_class=Response, responses=problems(409))
def delete_file(file_id: str, principal: FilesWrite, services: ServicesDep) -> Response:
    """Erase a file now."""
    with services.db.write() as session:
        files.delete_file(services, session, principal.tenant_id, file_id)
        audit.record(session, principal.tenant_id, principal.key_id, "file.deleted", file_id)
    return Response(status_code=204)


def _view(record: FileRecord) -> FileView:
    return FileView.model_validate(record, from_attributes=True)
