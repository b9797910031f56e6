"""A job's inputs, which hold the subject's data: encrypted in the object store under the job's key, and nowhere else.

A job has one object with the JSON of its request, and one for each picture or sound that came with it. Files that were
uploaded before stay where `files` has put them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import DecryptionError, WrappedKey
from core.service.db.tables.jobs import Job
from core.service.errors import InputErased, NotFound
from core.service.files.content import keys_of_files, read_file_bytes
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.claims import Claim, LeaseLost, holds_lease
from core.service.kit.ids import new_id
from core.service.models import RegisteredModel
from core.service.models import get as get_model
from core.service.storage.before_rows import PendingObjects, objects_before_rows
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


@dataclass(frozen=True)
class StoredInputs:
    """Inputs that are in the store, encrypted, of a job that has no row yet."""

    job_id: str
    wrapped: WrappedKey
    images: int
    audio: int
    objects: PendingObjects


@contextmanager
def storing_inputs(
    services: Services, request: Mapping[str, Any], uploads: Uploads = NO_UPLOADS
) -> Iterator[StoredInputs]:
    """Store a request and its files before the transaction that creates the job; they are erased if that is refused.

    Raises `Unavailable`.
    """
    job_id, wrapped = new_id("job"), services.keyring.new_data_key()
    blobs = {_request_key(job_id): json.dumps(request).encode()}
    blobs |= {_image_key(job_id, index): image for index, image in enumerate(uploads.images)}
    blobs |= {_audio_key(job_id, index): clip for index, clip in enumerate(uploads.audio)}
    with objects_before_rows(services.storage) as objects:
        for key, blob in blobs.items():
            objects.put(key, services.keyring.encrypt(wrapped, blob, key))
        yield StoredInputs(job_id, wrapped, len(uploads.images), len(uploads.audio), objects)


def load_input(services: Services, claim: Claim) -> JobInput:
    """Decrypt the inputs of a claimed job. Raises `LeaseLost`, and `InputErased` if they are erased or unreadable."""
    with services.db.read() as s:
        job = s.execute(select(Job).where(holds_lease(claim))).scalar_one_or_none()
        if job is None:
            raise LeaseLost
        model, own, parent, sources = get_model(s, job.model), _place(s, job), _parent(s, job), _sources(s, job)
    try:
        request, files = (None, _NO_FILES) if job.sculpt is not None else own.read(services)
    except (ObjectMissing, DecryptionError, NotFound):
        raise InputErased from None
    return JobInput(
        job_id=job.id,
        attempt=job.attempt,
        model=model,
        method=job.method,
        plan=job.plan,
        options=job.plan.get("options", {}),
        request=request,
        images=files["images"],
        audio=files["audio"],
        retain_images=files["retain"],
        parent=parent,
        sculpt=job.sculpt,
        sources=tuple(_source_job(services, job_id, artifacts, place) for job_id, artifacts, place in sources),
    )


_Files = dict[Literal["images", "audio", "retain"], tuple[bytes, ...]]
_NO_FILES: _Files = {"images": (), "audio": (), "retain": ()}


@dataclass(frozen=True)
class _Place:
    """Where a job's inputs are, and the keys to them: all that is needed of the database."""

    job_id: str
    wrapped: WrappedKey | None
    images: int
    audio: int
    files: Mapping[str, WrappedKey]

    def read(self, services: Services) -> tuple[dict[str, Any], _Files]:
        """The request and its files. Raises `InputErased`, `ObjectMissing`, `DecryptionError`, `NotFound`."""
        if self.wrapped is None:
            raise InputErased
        request: dict[str, Any] = json.loads(_decrypted(services, self.wrapped, _request_key(self.job_id)))
        return request, self._files(services, self.wrapped, request)

    def _files(self, services: Services, wrapped: WrappedKey, request: Mapping[str, Any]) -> _Files:
        images = [_decrypted(services, wrapped, _image_key(self.job_id, index)) for index in range(self.images)]
        clips = [_decrypted(services, wrapped, _audio_key(self.job_id, index)) for index in range(self.audio)]
        # A request that an earlier release has stored has no `audio`.
        return {
            "images": (*self._uploaded(services, request["images"]), *images),
            "audio": (*self._uploaded(services, request.get("audio", ())), *clips),
            "retain": self._uploaded(services, request["retain"]["images"]),
        }

    def _uploaded(self, services: Services, ids: Sequence[str]) -> tuple[bytes, ...]:
        if not self.files.keys() >= set(ids):
            raise NotFound
        return tuple(read_file_bytes(services, file_id, self.files[file_id]) for file_id in ids)


def _place(s: Session, job: Job) -> _Place:
    wrapped = None if job.wrapped_key is None else WrappedKey(job.wrapped_key)
    return _Place(job.id, wrapped, job.input_images, job.input_audio, keys_of_files(s, job.id))


def _decrypted(services: Services, wrapped: WrappedKey, key: str) -> bytes:
    return services.keyring.decrypt(wrapped, services.storage.read(key), key)


def _parent(s: Session, job: Job) -> ParentRecipe | None:
    if job.parent_id is None:
        return None
    artifacts = of_jobs(s, [job.parent_id])[job.parent_id]
    if not artifacts:
        raise InputErased("The job whose recipe this one needs has been deleted.")
    return ParentRecipe(job.parent_id, tuple(artifacts))


def _sources(s: Session, job: Job) -> list[tuple[str, tuple[ArtifactRow, ...], _Place]]:
    """The jobs that are consolidated. Raises `InputErased` once one of them has been deleted."""
    ids = (job.sculpt or {}).get("jobs", ())
    artifacts = of_jobs(s, ids)
    if any(not artifacts[job_id] for job_id in ids):
        raise InputErased("A job whose recipe this one needs has been deleted.")
    return [(job_id, tuple(artifacts[job_id]), _place(s, _root_of(s, job_id))) for job_id in ids]


def _root_of(s: Session, job_id: str) -> Job:
    """The job of the request itself, of which this one was sculpted again, possibly several times."""
    root = s.get_one(Job, job_id)
    while root.parent_id is not None:
        root = s.get_one(Job, root.parent_id)
    return root


def _source_job(services: Services, job_id: str, artifacts: tuple[ArtifactRow, ...], place: _Place) -> SourceJob:
    try:
        request, files = place.read(services)
    except (InputErased, ObjectMissing, DecryptionError, NotFound):
        return SourceJob(job_id, artifacts, None, ())
    return SourceJob(job_id, artifacts, request, files["images"])


def _request_key(job_id: str) -> str:
    return f"{input_prefix(job_id)}request"


def _image_key(job_id: str, index: int) -> str:
    return f"{input_prefix(job_id)}images/{index}"


def _audio_key(job_id: str, index: int) -> str:
    return f"{input_prefix(job_id)}audio/{index}"
