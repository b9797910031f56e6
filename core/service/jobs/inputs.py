"""A job's inputs, which hold the subject's data: encrypted in the object store under the job's key, and nowhere else.

A job has one object with the JSON of its request, and one for each picture or sound that came with it. Files that were
uploaded before stay where `files` has put them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import DecryptionError, WrappedKey
from core.service.db.tables.jobs import Job
from core.service.errors import InputErased, NotFound
from core.service.files.content import read_file_bytes
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.claims import Claim, LeaseLost, holds_lease
from core.service.models import RegisteredModel
from core.service.models import get as get_model
from core.service.storage.port import ObjectMissing


@dataclass(frozen=True)
class Uploads:
    """Files that come with a request, still encoded."""

    images: Sequence[bytes] = ()
    audio: Sequence[bytes] = ()


NO_UPLOADS = Uploads()


@dataclass(frozen=True)
class ParentRecipe:
    """The job that is sculpted again; its artefacts include the recipe."""

    job_id: str
    artifacts: tuple[ArtifactRow, ...]


@dataclass(frozen=True)
class SourceJob:
    """A job that is consolidated. `request` and `images` are there as long as its inputs are not erased."""

    job_id: str
    artifacts: tuple[ArtifactRow, ...]
    request: Mapping[str, Any] | None
    images: tuple[bytes, ...]


@dataclass(frozen=True)
class JobInput:
    """Everything that an attempt needs. Files are in the order of the request, those that came with it last.

    A job that sculpts again has `parent` and `sculpt` in place of `request` and files; a consolidation has `sources`.
    """

    job_id: str
    attempt: int
    model: RegisteredModel
    method: str
    plan: Mapping[str, Any]
    options: Mapping[str, Any]
    request: Mapping[str, Any] | None
    images: tuple[bytes, ...]
    audio: tuple[bytes, ...]
    retain_images: tuple[bytes, ...]
    parent: ParentRecipe | None
    sculpt: Mapping[str, Any] | None
    sources: tuple[SourceJob, ...] = ()


def input_prefix(job_id: str) -> str:
    """The storage prefix of a job's encrypted inputs."""
    return f"inputs/{job_id}/"


def store_inputs(
    services: Services, job_id: str, wrapped: WrappedKey, request: Mapping[str, Any], uploads: Uploads
) -> None:
    """Encrypt and store a request and its files."""
    blobs = {_request_key(job_id): json.dumps(request).encode()}
    blobs |= {_image_key(job_id, index): image for index, image in enumerate(uploads.images)}
    blobs |= {_audio_key(job_id, index): clip for index, clip in enumerate(uploads.audio)}
    for key, blob in blobs.items():
        services.storage.put(key, services.keyring.encrypt(wrapped, blob, key))


def load_input(services: Services, s: Session, claim: Claim) -> JobInput:
    """Decrypt the inputs of a claimed job. Raises `LeaseLost`, and `InputErased` if they are erased or unreadable."""
    job = s.execute(
        select(Job).where(holds_lease(claim)).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if job is None:
        raise LeaseLost
    try:
        request, files = _read(services, s, job)
    except (ObjectMissing, DecryptionError, NotFound):
        raise InputErased from None
    return JobInput(
        job_id=job.id,
        attempt=job.attempt,
        model=get_model(s, job.model),
        method=job.method,
        plan=job.plan,
        options=job.plan.get("options", {}),
        request=request,
        images=files["images"],
        audio=files["audio"],
        retain_images=files["retain"],
        parent=_parent(s, job),
        sculpt=job.sculpt,
        sources=_sources(services, s, job),
    )


def _read(
    services: Services, s: Session, job: Job
) -> tuple[dict[str, Any] | None, dict[Literal["images", "audio", "retain"], tuple[bytes, ...]]]:
    if job.sculpt is not None:
        return None, {"images": (), "audio": (), "retain": ()}
    if job.wrapped_key is None:
        raise InputErased
    wrapped = WrappedKey(job.wrapped_key)
    request: dict[str, Any] = json.loads(_decrypted(services, wrapped, _request_key(job.id)))
    images = [_decrypted(services, wrapped, _image_key(job.id, index)) for index in range(job.input_images)]
    clips = [_decrypted(services, wrapped, _audio_key(job.id, index)) for index in range(job.input_audio)]

    def uploaded(ids: Sequence[str]) -> tuple[bytes, ...]:
        return tuple(read_file_bytes(services, s, job.tenant_id, file_id) for file_id in ids)

    return request, {
        "images": (*uploaded(request["images"]), *images),
        "audio": (
            *uploaded(request.get("audio", ())),
            *clips,
        ),  # Missing in requests that an earlier release has stored.
        "retain": uploaded(request["retain"]["images"]),
    }


def _decrypted(services: Services, wrapped: WrappedKey, key: str) -> bytes:
    return services.keyring.decrypt(wrapped, services.storage.read(key), key)


def _parent(s: Session, job: Job) -> ParentRecipe | None:
    if job.parent_id is None:
        return None
    artifacts = of_jobs(s, [job.parent_id])[job.parent_id]
    if not artifacts:
        raise InputErased("The job whose recipe this one needs has been deleted.")
    return ParentRecipe(job.parent_id, tuple(artifacts))


def _sources(services: Services, s: Session, job: Job) -> tuple[SourceJob, ...]:
    """The jobs that are consolidated. Raises `InputErased` once one of them has been deleted."""
    ids = (job.sculpt or {}).get("jobs", ())
    artifacts = of_jobs(s, ids)
    if any(not artifacts[job_id] for job_id in ids):
        raise InputErased("A job whose recipe this one needs has been deleted.")
    return tuple(_source_job(services, s, job_id, tuple(artifacts[job_id])) for job_id in ids)


def _source_job(services: Services, s: Session, job_id: str, artifacts: tuple[ArtifactRow, ...]) -> SourceJob:
    root = s.get_one(Job, job_id)
    while root.parent_id is not None:
        root = s.get_one(Job, root.parent_id)
    try:
        request, files = _read(services, s, root)
    except (InputErased, ObjectMissing, DecryptionError, NotFound):
        return SourceJob(job_id, artifacts, None, ())
    return SourceJob(job_id, artifacts, request, files["images"])


def _request_key(job_id: str) -> str:
    return f"{input_prefix(job_id)}request"


def _image_key(job_id: str, index: int) -> str:
    return f"{input_prefix(job_id)}images/{index}"


def _audio_key(job_id: str, index: int) -> str:
    return f"{input_prefix(job_id)}audio/{index}"
