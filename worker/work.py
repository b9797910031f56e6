"""The work of one attempt: from the stored inputs to files on disk."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.models import Job
from core.service.jobs import lease
from core.service.jobs.claims import Claim
from core.service.jobs.inputs import JobInput, Source
from core.service.jobs.subject import subjects_among
from core.unlearning.checkpoints import Checkpoints
from core.unlearning.consolidate import EarlierJob, consolidate_job
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.mllm.retain_set import subjects
from core.unlearning.patches.signing import Signer
from core.unlearning.resculpt import resculpt_job
from core.unlearning.run import PATCH, Outcome, run_job
from worker import libraries, preflight, room, transfer
from worker.models import WarmModels
from worker.progress import JobProgress
from worker.request import forget_request, model_spec, source_request

_TIME = "%Y-%m-%dT%H:%M:%SZ"


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
    """Run a forget job, or sculpt an earlier one again. Raises what `run_job` does, and what reading the inputs may."""
    with services.db.read() as session:
        given = lease.load_input(services, session, claim)
        record = _record(session, claim, started)
    libraries.settle()
    preflight.check(given, models, room.of(services.settings.worker_memory_gb))
    if given.sources:
        return _consolidate(services, given, claim, workdir, progress, models, signer, record)
    if given.request is None:
        return _sculpt_again(services, given, workdir, progress, models, signer, record)
    return run_job(
        forget_request(given.request, given),
        model_spec(given.model),
        given.method,
        given.options,
        workdir,
        progress,
        signer=signer,
        job_id=claim.job_id,
        plan=given.plan,
        record=record,
        load=models.load,
        checkpoints=checkpoints,
    )


def _record(session: Session, claim: Claim, started: datetime) -> dict[str, str | int | None]:
    """What the certificate says of the request."""
    external_id, created = session.execute(select(Job.external_id, Job.created_at).where(Job.id == claim.job_id)).one()
    times = {"requested_at": created.strftime(_TIME), "started_at": started.strftime(_TIME)}
    return {"request_id": external_id, "attempt": claim.attempt, **times}


def _sculpt_again(
    services: Services,
    given: JobInput,
    workdir: Path,
    progress: JobProgress,
    models: WarmModels,
    signer: Signer,
    record: dict[str, str | int | None],
) -> Outcome:
    parent = given.parent
    patch = next((row for row in parent.artifacts if row.name == PATCH), None) if parent else None
    if parent is None or patch is None or given.sculpt is None:
        raise InvalidInputError("the earlier job left no recipe", code="invalid_recipe")
    transfer.download(services.storage, patch, workdir / "parent.zip", progress.alive)
    return resculpt_job(
        workdir / "parent.zip",
        model_spec(given.model),
        given.method,
        given.options,
        given.sculpt,
        workdir,
        progress,
        signer=signer,
        job_id=given.job_id,
        plan=given.plan,
        record={**record, "parent": parent.job_id},
        load=models.load,
    )


def _consolidate(
    services: Services,
    given: JobInput,
    claim: Claim,
    workdir: Path,
    progress: JobProgress,
    models: WarmModels,
    signer: Signer,
    record: dict[str, str | int | None],
) -> Outcome:
    spec = model_spec(given.model)
    jobs = [_earlier(services, source, spec.family, workdir, progress) for source in given.sources]
    with services.db.read() as session:
        ids = [source.job_id for source in given.sources]
        forgotten = subjects_among(session, claim.tenant_id, ids, subjects(spec.retain_set))
    return consolidate_job(
        jobs,
        spec,
        given.method,
        given.options,
        workdir,
        progress,
        signer=signer,
        job_id=given.job_id,
        plan=given.plan,
        forgotten=forgotten,
        record=record,
        load=models.load,
    )


def _earlier(services: Services, source: Source, family: str, workdir: Path, progress: JobProgress) -> EarlierJob:
    patch = next((row for row in source.artifacts if row.name == PATCH), None)
    if patch is None:
        raise InvalidInputError("an earlier job left no patch", code="invalid_recipe")
    path = workdir / f"{source.job_id}.zip"
    transfer.download(services.storage, patch, path, progress.alive)
    return EarlierJob(source.job_id, path, source_request(source, family))
