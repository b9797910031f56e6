"""The work of one attempt: passes the stored inputs to the unlearning library, which leaves files on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.jobs.claims import Claim
from core.service.jobs.inputs import JobInput, ParentRecipe, SourceJob, load_input
from core.service.jobs.subject import subjects_among
from core.service.models import RegisteredModel
from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.consolidate import EarlierJob, consolidate_job
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.prepare import prepare_job
from core.unlearning.jobs.resculpt import resculpt_job
from core.unlearning.jobs.work import PATCH, JobSetup, Outcome
from core.unlearning.patches.signing import Signer
from core.unlearning.planning import PREPARE
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
    """Run a forget job, sculpt an earlier job again, consolidate several, or prepare a retain set.

    Raises what `run_job` does, and what reading the inputs may.
    """
    inputs = load_input(services, claim)
    with services.db.read() as session:
        record = _record(session, claim, started)
    libraries.prepare()
    capacity.check(inputs, models, capacity.measure(services.settings.worker_memory_gb))
    attempt = _Attempt(services, inputs, claim.tenant_id, workdir, progress, models, signer, record, checkpoints)
    if inputs.sources:
        return attempt.consolidate()
    if inputs.request is None:
        return attempt.sculpt_again()
    if inputs.method == PREPARE:
        return attempt.prepare(inputs.request)
    return attempt.forget(forget_request(inputs.request, inputs))


def _record(session: Session, claim: Claim, started: datetime) -> Record:
    """What the certificate says about the request."""
    external_id, created = session.execute(select(Job.external_id, Job.created_at).where(Job.id == claim.job_id)).one()
    times = {"requested_at": created.strftime(_TIME), "started_at": started.strftime(_TIME)}
    return {"request_id": external_id, "attempt": claim.attempt, **times}


@dataclass(frozen=True)
class _Attempt:
    services: Services
    inputs: JobInput
    tenant_id: str
    workdir: Path
    progress: JobProgress
    models: WarmModels
    signer: Signer
    record: Record
    checkpoints: Checkpoints

    def forget(self, request: ForgetRequest) -> Outcome:
        return run_job(self._setup(), request, self.inputs.options)

    def sculpt_again(self) -> Outcome:
        inputs, parent = self.inputs, self.inputs.parent
        if parent is None or inputs.sculpt is None:
            raise InvalidInputError("the earlier job left no recipe", code="invalid_recipe")
        patch = self._download(parent, "parent.zip")
        return resculpt_job(self._setup(parent=parent.job_id), patch, inputs.options, inputs.sculpt)

    def prepare(self, request: Mapping[str, Any]) -> Outcome:
        pictures, images = [], iter(self.inputs.images)
        for count in request["people"]:
            pictures.append(list(islice(images, count)))
        names = [(name, tuple(questions)) for name, questions in request["names"]]
        return prepare_job(self._setup(), pictures, names, int(self.inputs.options["seed"]))

    def consolidate(self) -> Outcome:
        inputs, spec = self.inputs, model_spec(self.inputs.model)
        jobs = [self._earlier_job(source, spec.family) for source in inputs.sources]
        retained = load_family(spec.family).retained_subjects(spec.retain_set)
        with self.services.db.read() as session:
            ids = [source.job_id for source in inputs.sources]
            forgotten = subjects_among(session, self.tenant_id, ids, retained)
        return consolidate_job(self._setup(), jobs, inputs.options, forgotten)

    def _setup(self, **recorded: str) -> JobSetup:
        """What every kind of job is given."""
        return JobSetup(
            self.inputs.job_id,
            model_spec(self.inputs.model),
            self.inputs.method,
            self.workdir,
            self.signer,
            plan=self.inputs.plan,
            record={**self.record, **recorded},
            progress=self.progress,
            checkpoints=self.checkpoints,
            load=self.models.load,
        )

    def _earlier_job(self, source: SourceJob, family: str) -> EarlierJob:
        path = self._download(source, f"{source.job_id}.zip")
        return EarlierJob(source.job_id, path, source_request(source, family))

    def _download(self, earlier: ParentRecipe | SourceJob, name: str) -> Path:
        patch = next((row for row in earlier.artifacts if row.name == PATCH), None)
        if patch is None:
            raise InvalidInputError("an earlier job left no patch", code="invalid_recipe")
        transfer.download(self.services.storage, patch, self.workdir / name, self.progress.alive)
        return self.workdir / name


def model_spec(model: RegisteredModel) -> ModelSpec:
    """A registered model as the unlearning library takes it."""
    return ModelSpec(
        id=model.id,
        family=model.family,
        source=model.source,
        revision=model.revision,
        retain_set=Path(model.retain_set) if model.retain_set else None,
        defaults=model.defaults,
    )


def forget_request(request: Mapping[str, Any], inputs: JobInput) -> ForgetRequest:
    """The decrypted request with its files."""
    return _request(request, inputs.model.family, inputs.images, inputs.audio, inputs.retain_images)


def source_request(source: SourceJob, family: str) -> ForgetRequest | None:
    """The request of a job that is consolidated; None once its inputs are erased."""
    return None if source.request is None else _request(source.request, family, source.images)


def _request(
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
