"""One job out of many: a patch for everybody whom a model's earlier jobs made it forget."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.errors import (
    FieldError,
    InvalidRequest,
    JobNotSucceeded,
    NotFound,
    RecipesOfTwoBases,
    SculptNotPossible,
    ServiceError,
    Unavailable,
)
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.create import announce, new_row
from core.service.jobs.lease import CERTIFICATE
from core.service.jobs.rows import of_tenant
from core.service.jobs.schema import ConsolidateBody
from core.service.jobs.views import JobView, refreshed
from core.service.storage.port import StoreError

PATCH = "patch.zip"
AT_LEAST = 2


def create_consolidate_job(
    services: Services,
    s: Session,
    principal: Principal,
    model_id: str,
    body: ConsolidateBody,
    plan: Mapping[str, Any],
    leaving_recipes: Collection[str],
    base_url: str = "",
) -> JobView:
    """Queue a job that puts the patches of several jobs together, from their recipes alone.

    `leaving_recipes`: the methods whose patches bring a recipe.
    Raises `NotFound` for a job that is not there or another tenant's, `JobNotSucceeded`, `SculptNotPossible`,
    `RecipesOfTwoBases`, `InvalidRequest` for a job of another model and for fewer than two, `TooManyQueuedJobs`.
    """
    tenant = principal.tenant_id
    jobs = _all_of(s, tenant, model_id, leaving_recipes) if body.jobs is None else _named(s, tenant, body.jobs)
    pointers = _pointers(body.jobs, jobs)
    patches = of_jobs(s, [job.id for job in jobs])
    for job in jobs:
        _check(job, model_id, leaving_recipes, patches[job.id], pointers[job.id])
    if len(jobs) < AT_LEAST:
        raise InvalidRequest.one("/jobs", "too_few_jobs", "There must be two jobs at least, of two requests.")
    _check_bases(services, patches, pointers)
    ids = [job.id for job in jobs]
    row = new_row(
        s,
        principal,
        services.settings,
        model=model_id,
        plan={**plan, "consolidate": {"jobs": ids}},
        sculpt={"jobs": ids},
        job_metadata={},
    )
    s.add(row)
    s.flush()
    announce(s, principal, row, {"jobs": ids})
    return refreshed(s, row, base_url)


def _named(s: Session, tenant: str, ids: Sequence[str]) -> list[Job]:
    found = {job.id: job for job in s.execute(of_tenant(tenant).where(Job.id.in_(ids))).scalars()}
    missing = [n for n, job_id in enumerate(ids) if job_id not in found]
    if missing:
        raise _faulty(NotFound(), [f"/jobs/{n}" for n in missing])
    return [found[job_id] for job_id in dict.fromkeys(ids)]


def _all_of(s: Session, tenant: str, model_id: str, methods: Collection[str]) -> list[Job]:
    """Of each request about this model the newest patch, in the order of the requests."""
    query = of_tenant(tenant).where(Job.model == model_id, Job.method.in_(methods))
    query = query.where(Job.status == JobStatus.SUCCEEDED)
    # Those that were put together come last: of a request whose own job is still there, its own recipe counts.
    jobs = sorted(
        s.execute(query.order_by(Job.created_at, Job.id)).scalars(), key=lambda job: "jobs" in (job.sculpt or {})
    )
    lineage = select(Job.id, Job.parent_id).where(Job.tenant_id == tenant, Job.model == model_id)
    parents = {row.id: row.parent_id for row in s.execute(lineage)}
    there = of_jobs(s, [job.id for job in jobs])
    newest = {_request(job.id, parents): job for job in jobs if _named_so(there[job.id], PATCH) is not None}
    return list(newest.values())


def _request(job_id: str, parents: Mapping[str, str | None]) -> str:
    """The job that was asked for, of which this one is sculpted again, maybe several times over."""
    while (parent := parents.get(job_id)) is not None:
        job_id = parent
    return job_id


def _pointers(ids: Sequence[str] | None, jobs: Iterable[Job]) -> dict[str, str]:
    """Where in the body each job is named; all of them are meant by `jobs` that is left out."""
    return {job.id: "/jobs" if ids is None else f"/jobs/{ids.index(job.id)}" for job in jobs}


def _check(job: Job, model_id: str, methods: Collection[str], artifacts: Sequence[ArtifactRow], pointer: str) -> None:
    if job.model != model_id:
        raise InvalidRequest.one(pointer, "other_model", "The job is of another model.")
    if job.status != JobStatus.SUCCEEDED:
        raise _faulty(JobNotSucceeded(f"A job is {job.status}; there is no recipe to consolidate."), [pointer])
    if job.method not in methods or _named_so(artifacts, PATCH) is None:
        raise _faulty(SculptNotPossible("A job's method leaves no recipe that could be consolidated."), [pointer])


def _check_bases(services: Services, patches: Mapping[str, Sequence[ArtifactRow]], pointers: Mapping[str, str]) -> None:
    """Patches fit together that were made for the same weights. Whether the model has these yet, the worker sees."""
    bases = {job_id: _base(services, patches[job_id]) for job_id in pointers}
    known = list(dict.fromkeys(digest for digest in bases.values() if digest is not None))
    others = sorted(pointers[job_id] for job_id, digest in bases.items() if digest in known[1:])
    if others:
        raise _faulty(RecipesOfTwoBases(), others)


def _base(services: Services, artifacts: Iterable[ArtifactRow]) -> str | None:
    """What the certificate says of the weights that the patch was made for."""
    row = _named_so(artifacts, CERTIFICATE)
    try:
        said = json.loads(services.storage.read(row.storage_key)) if row else {}
    except StoreError:
        raise Unavailable("The object store does not answer.") from None
    digest: str | None = said.get("base_digest")
    return digest


def _named_so(artifacts: Iterable[ArtifactRow], name: str) -> ArtifactRow | None:
    return next((row for row in artifacts if row.name == name), None)


def _faulty(error: ServiceError, pointers: Iterable[str]) -> ServiceError:
    error.errors = [FieldError(pointer, error.code, error.detail) for pointer in dict.fromkeys(pointers)]
    return error
