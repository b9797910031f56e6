"""API keys of the caller's tenant. A secret is only in the answer to the POST that creates it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from api.deps import IdempotencyKey, KeysManage, ServicesDep
from api.http.idempotent import Answer, answer_once, fingerprint
from api.schemas import WITH_BODY, KeyCreate, KeyCreated, KeyList, KeyRotate, KeyView, problems
from core.service import audit
from core.service.access import keys
from core.service.db.tables.access import ApiKey

router = APIRouter(prefix="/v1/keys", tags=["keys"])

_DEFAULT_ROTATION = KeyRotate()


@router.post("", status_code=201, response_model=KeyCreated, responses=problems(*WITH_BODY))
def create_key(
    request: Request,
    body: KeyCreate,
    principal: KeysManage,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A new key of this tenant. Its secret is shown this once: an idempotent repeat gives the key without it."""

    def make(session: Session) -> Answer:
        keys.require_all(principal, body.scopes)
        key, secret = keys.create_key(session, principal.tenant_id, body.name, body.scopes, body.expires_at)
        audit.record(session, principal.tenant_id, principal.key_id, "key.created", key.id, {"scopes": key.scopes})
        return _with_secret(key, secret)

    return answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)


@router.get("", responses=problems())
def list_keys(principal: KeysManage, services: ServicesDep) -> KeyList:
    """The tenant's keys, revoked ones included."""
    with services.db.read() as session:
        return KeyList(data=[_view(key) for key in keys.list_keys(session, principal.tenant_id)])


@router.get("/{key_id}", responses=problems())
def get_key(key_id: str, principal: KeysManage, services: ServicesDep) -> KeyView:
    """One key, without its secret."""
    with services.db.read() as session:
        return _view(keys.get_key(session, principal.tenant_id, key_id))


@router.post("/{key_id}/rotate", status_code=201, response_model=KeyCreated, responses=problems(*WITH_BODY))
def rotate_key(
    request: Request,
    key_id: str,
    principal: KeysManage,
    services: ServicesDep,
    body: Annotated[KeyRotate, Body()] = _DEFAULT_ROTATION,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A new key with the same name and scopes, and an end to this one. The new secret is shown this once."""

    def make(session: Session) -> Answer:
        keys.require_all(principal, keys.get_key(session, principal.tenant_id, key_id).scopes)
        overlap = timedelta(seconds=body.overlap_seconds)
        key, secret = keys.rotate_key(session, principal.tenant_id, key_id, overlap, body.expires_at)
        details = {"replaced": key_id, "overlap_seconds": body.overlap_seconds}
        audit.record(session, principal.tenant_id, principal.key_id, "key.rotated", key.id, details)
        return _with_secret(key, secret)

    answer = answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)
    request.app.state.keys.clear()
    return answer


@router.delete("/{key_id}", status_code=204, response_class=Response, responses=problems())
def revoke_key(request: Request, key_id: str, principal: KeysManage, services: ServicesDep) -> Response:
    """Revoke a key: it is refused from now on."""
    with services.db.write() as session:
        keys.revoke_key(session, principal.tenant_id, key_id)
        audit.record(session, principal.tenant_id, principal.key_id, "key.revoked", key_id, {})
    request.app.state.keys.clear()
    return Response(status_code=204)


def _with_secret(key: ApiKey, secret: str) -> Answer:
    document = _view(key).model_dump(mode="json")
    return Answer(201, {**document, "secret": secret}, stored={**document, "secret": None})


def _view(key: ApiKey) -> KeyView:
    return KeyView.model_validate(key, from_attributes=True)
