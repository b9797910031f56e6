"""Registered models, the consolidation of their patches, and retain sets for those that bring none."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from api.deps import IdempotencyKey, JobsRead, JobsWrite, ModelsManage, ServicesDep, base_url
from api.http.idempotent import Answer, answer_once, find_replay, fingerprint
from api.routes.jobs import response
from api.routes.jobs.plans import estimate, faults_as_422, resolve_consolidation, resolve_preparation, spec_of
from api.schemas import WITH_BODY, ModelList, ModelView, problems
from core.service import audit, models
from core.service.jobs.consolidate import check_bases, create_consolidate_job
from core.service.jobs.inputs import StoredInputs
from core.service.jobs.prepare import create_prepare_job, storing_names_and_pictures
from core.service.jobs.schema import ConsolidateBody, PrepareBody
from core.service.jobs.views import JobView
from core.service.models import ModelCheckView, ModelCreate, RegisteredModel
from core.unlearning import planning
from core.unlearning.methods.registry import leaving_recipes

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.post("", status_code=201, response_model=ModelView, responses=problems(*WITH_BODY))
def register_model(
    request: Request,
    body: ModelCreate,
    principal: ModelsManage,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Register a model: a folder under the server's model roots, or a Hugging Face id with its revision."""
    with faults_as_422():
        planning.check_model(body.family, body.defaults)

    def make(session: Session) -> Answer:
        model = models.register(session, body, services.settings)
        with faults_as_422():
            planning.check_source(model.source)
        audit.record(session, principal.tenant_id, principal.key_id, "model.registered", model.id)
        return Answer(201, _view(model).model_dump(mode="json"), {"Location": f"/v1/models/{model.id}"})

    return answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)


@router.get("", responses=problems())
def list_models(_: JobsRead, services: ServicesDep) -> ModelList:
    """Every registered model."""
    with services.db.read() as session:
        return ModelList(data=[_view(model) for model in models.list_models(session)])


@router.get("/{model_id}", responses=problems())
def get_model(model_id: str, _: JobsRead, services: ServicesDep) -> ModelView:
    """One registered model."""
    with services.db.read() as session:
        return _view(models.get(session, model_id))


@router.get("/{model_id}/check", responses=problems())
def check_model(model_id: str, _: JobsRead, services: ServicesDep) -> ModelCheckView:
    """What a model and its retain set allow: what is missing, how sure reports can be, what a job takes."""
    with services.db.read() as session:
        model = models.get(session, model_id)
        check = planning.model_check(spec_of(model)).to_json()
        for level in check["levels"]:
            level["estimate"] = estimate(session, model.id, level["method"], level["level"])
    return ModelCheckView(model=model.id, family=model.family, **check)


@router.post("/{model_id}/prepare", status_code=202, response_model=JobView, responses=problems(*WITH_BODY))
def prepare_retain_set(
    request: Request,
    model_id: str,
    body: PrepareBody,
    principal: JobsWrite,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make a retain set by asking the model about pictures and names: a new job that leaves `retain_set.zip`."""
    sent = fingerprint(request, body.model_dump(mode="json"))
    if (replay := find_replay(services, principal, idempotency_key, sent)) is not None:
        return replay
    with services.db.read() as session:
        plan = resolve_preparation(models.get(session, model_id), body)

    def make(session: Session, inputs: StoredInputs) -> Answer:
        job = create_prepare_job(services, session, principal, model_id, body, plan, inputs, base_url(services))
        return Answer(202, job.model_dump(mode="json"), {**response.job_headers(job), "Location": job.links.self})

    with storing_names_and_pictures(services, body) as inputs:
        return answer_once(services, principal, idempotency_key, sent, lambda session: make(session, inputs))


@router.post("/{model_id}/consolidate", status_code=202, response_model=JobView, responses=problems(*WITH_BODY))
def consolidate_model(
    request: Request,
    model_id: str,
    body: ConsolidateBody,
    principal: JobsWrite,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Put the patches of several jobs together in one, from their recipes, without the subjects' data: a new job."""
    sent = fingerprint(request, body.model_dump(mode="json"))
    if (replay := find_replay(services, principal, idempotency_key, sent)) is not None:
        return replay
    with services.db.read() as session:
        plan = resolve_consolidation(models.get(session, model_id), body.options)
    check_bases(services, principal, model_id, body, leaving_recipes())

    def make(session: Session) -> Answer:
        job = create_consolidate_job(
            services, session, principal, model_id, body, plan, leaving_recipes(), base_url(services)
        )
        return Answer(202, job.model_dump(mode="json"), {**response.job_headers(job), "Location": job.links.self})

    return answer_once(services, principal, idempotency_key, sent, make)


def _view(model: RegisteredModel) -> ModelView:
    return ModelView(
        id=model.id,
        family=model.family,
        source=str(model.source),
        revision=model.revision,
        retain_set=str(model.retain_set) if model.retain_set else None,
        defaults=dict(model.defaults),
        created_at=model.created_at,
    )
