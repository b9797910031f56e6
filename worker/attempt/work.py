"""The work of one attempt: from the stored inputs to what the unlearning library takes, and to files on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.jobs import lease
from core.service.jobs.claims import Claim
from core.service.jobs.inputs import JobInput, ParentRecipe, Source
from core.service.jobs.subject import subjects_among
from core.service.models import RegisteredModel
from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.consolidate import EarlierJob, consolidate_job
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.resculpt import resculpt_job
from core.unlearning.jobs.work import PATCH, Outcome
from core.unlearning.patches.signing import Signer
from core.unlearning.types import Entity, ForgetRequest, ModelSpec, Retain
from worker.attempt import capacity, libraries, transfer
from worker.attempt.progress import JobProgress
from worker.attempt.warm_models import WarmModels

_TIME = "%Y-%m-%dT%H:%M:%SZ"
Record = dict[str, str | int | None]


def work_on(
    services: Services,
    claim: Claim,
    workdir: Path,
    progress: JobProgress,
    models: WarmModels,
    signer: Signer,
    started: datetime,
    checkpoints: Checkpoints,
) -> Outcome:
    """Run a forget job, sculpt an earlier one again, or put several together.

    Raises what `run_job` does, and what reading the inputs may.
    """
    with services.db.read() as session:
        given = lease.load_input(services, session, claim)
        record = _record(session, claim, started)
    libraries.settle()
    capacity.check(given, models, capacity.of(services.settings.worker_memory_gb))
    attempt = _Attempt(services, given, claim.tenant_id, workdir, progress, models, signer, record)
    if given.sources:
        return attempt.consolidate()
    if given.request is None:
        return attempt.sculpt_again()
    return attempt.forget(forget_request(given.request, given), checkpoints)


def _record(session: Session, claim: Claim, started: datetime) -> Record:
    """What the certificate says of the request."""
    external_id, created = session.execute(select(Job.external_id, Job.created_at).where(Job.id == claim.job_id)).one()
    times = {"requested_at": created.strftime(_TIME), "started_at": started.strftime(_TIME)}
    return {"request_id": external_id, "attempt": claim.attempt, **times}


@dataclass(frozen=True)
class _Attempt:
    services: Services
    given: JobInput
    tenant_id: str
    workdir: Path
    progress: JobProgress
    models: WarmModels
    signer: Signer
    record: Record

    def forget(self, request: ForgetRequest, checkpoints: Checkpoints) -> Outcome:
        given, spec = self.given, model_spec(self.given.model)
        return run_job(request, spec, given.method, given.options, **self._terms(), checkpoints=checkpoints)

    def sculpt_again(self) -> Outcome:
        given, parent = self.given, self.given.parent
        if parent is None or given.sculpt is None:
            raise InvalidInputError("the earlier job left no recipe", code="invalid_recipe")
        patch, spec = self._downloaded(parent, "parent.zip"), model_spec(given.model)
        terms = self._terms(parent=parent.job_id)
        return resculpt_job(patch, spec, given.method, given.options, given.sculpt, **terms)

    def consolidate(self) -> Outcome:
        given, spec = self.given, model_spec(self.given.model)
        jobs = [self._earlier(source, spec.family) for source in given.sources]
        retained = load_family(spec.family).retained_subjects(spec.retain_set)
        with self.services.db.read() as session:
            ids = [source.job_id for source in given.sources]
            forgotten = subjects_among(session, self.tenant_id, ids, retained)
        return consolidate_job(jobs, spec, given.method, given.options, **self._terms(), forgotten=forgotten)

    def _terms(self, **recorded: str) -> dict[str, Any]:
        """What all of them are given alike."""
        return {
            "workdir": self.workdir,
            "progress": self.progress,
            "signer": self.signer,
            "job_id": self.given.job_id,
            "plan": self.given.plan,
            "record": {**self.record, **recorded},
            "load": self.models.load,
        }

    def _earlier(self, source: Source, family: str) -> EarlierJob:
        path = self._downloaded(source, f"{source.job_id}.zip")
        return EarlierJob(source.job_id, path, source_request(source, family))

    def _downloaded(self, earlier: ParentRecipe | Source, name: str) -> Path:
        patch = next((row for row in earlier.artifacts if row.name == PATCH), None)
        if patch is None:
            raise InvalidInputError("an earlier job left no patch", code="invalid_recipe")
        transfer.download(self.services.storage, patch, self.workdir / name, self.progress.alive)
        return self.workdir / name


def model_spec(model: RegisteredModel) -> ModelSpec:
    """The registered model."""
    return ModelSpec(
        id=model.id,
        family=model.family,
        source=model.source,
        revision=model.revision,
        retain_set=Path(model.retain_set) if model.retain_set else None,
        defaults=model.defaults,
    )


def forget_request(request: Mapping[str, Any], given: JobInput) -> ForgetRequest:
    """The decrypted request with its files."""
    return _asked(request, given.model.family, given.images, given.audio, given.retain_images)


def source_request(source: Source, family: str) -> ForgetRequest | None:
    """What a job that is consolidated was asked to forget, as long as that is kept."""
    return None if source.request is None else _asked(source.request, family, source.images)


def _asked(
    request: Mapping[str, Any],
    family: str,
    images: tuple[bytes, ...],
    audio: tuple[bytes, ...] = (),
    retain_images: tuple[bytes, ...] = (),
) -> ForgetRequest:
    entity, retain, evaluation = request["entity"], request["retain"], request["evaluation"]
    return ForgetRequest(
        entity=Entity(name=entity["name"], kind=entity["kind"], aliases=tuple(entity["aliases"])),
        prompts=tuple(request["prompts"]),
        images=images,
        audio=audio,
        replacement=request["replacement"],
        modalities=tuple(request["modalities"] or families()[family].forgets),
        retain=Retain(retain_images, tuple(retain["prompts"]), tuple(retain["entities"])),
        level=evaluation["level"],
        thresholds=evaluation["thresholds"],
    )
