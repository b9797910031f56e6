"""Webhooks of the caller's tenant, and their deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from api.deps import IdempotencyKey, ServicesDep, WebhooksManage
from api.http import pages
from api.http.idempotent import Answer, answer_once, fingerprint
from api.schemas import WITH_BODY, DeliveryList, WebhookList, problems
from core.service import audit
from core.service.db.tables.webhooks import DeliveryStatus
from core.service.webhooks import deliveries, endpoints
from core.service.webhooks.schema import SecretRotation, WebhookCreate
from core.service.webhooks.views import DeliveryView, WebhookView, WebhookWithSecret

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.post("", status_code=201, response_model=WebhookWithSecret, responses=problems(*WITH_BODY))
def create_webhook(
    request: Request,
    body: WebhookCreate,
    principal: WebhooksManage,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Be told of jobs at this URL, by Standard Webhooks 1.0. The signing secret is shown this once.

    The address is checked whenever something is sent: public ones only, unless the server allows others. An idempotent
    repeat gives the webhook without its secret.
    """

    def make(session: Session) -> Answer:
        view, secret = endpoints.create(session, principal.tenant_id, services.settings, body)
        details = {"events": body.events}
        audit.record(session, principal.tenant_id, principal.key_id, "webhook.created", view.id, details)
        return _with_secret(view, secret, 201, {"Location": f"/v1/webhooks/{view.id}"})

    return answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)


@router.get("", response_model=WebhookList, responses=problems())
def list_webhooks(
    request: Request,
    principal: WebhooksManage,
    services: ServicesDep,
    limit: pages.Limit = 20,
    after: pages.After = None,
) -> JSONResponse:
    """The tenant's webhooks, newest first, without their secrets."""
    with services.db.read() as session:
        page = endpoints.list_endpoints(session, principal.tenant_id, after, limit)
    more = page.next_cursor is not None
    body = WebhookList(data=list(page.items), has_more=more, next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=pages.link_header(request, services, page.next_cursor))


@router.get("/{webhook_id}", responses=problems())
def get_webhook(webhook_id: str, principal: WebhooksManage, services: ServicesDep) -> WebhookView:
    """One webhook, without its secret."""
    with services.db.read() as session:
        return endpoints.get(session, principal.tenant_id, webhook_id)


@router.delete("/{webhook_id}", status_code=204, response_class=Response, responses=problems())
def delete_webhook(webhook_id: str, principal: WebhooksManage, services: ServicesDep) -> Response:
    """Forget a webhook, its secret and its deliveries. Nothing more is sent."""
    with services.db.write() as session:
        endpoints.delete(session, principal.tenant_id, webhook_id)
        audit.record(session, principal.tenant_id, principal.key_id, "webhook.deleted", webhook_id)
    return Response(status_code=204)


@router.post("/{webhook_id}/rotate-secret", response_model=WebhookWithSecret, responses=problems(*WITH_BODY))
def rotate_webhook_secret(
    request: Request,
    webhook_id: str,
    principal: WebhooksManage,
    services: ServicesDep,
    body: Annotated[SecretRotation, Body(default_factory=SecretRotation)],
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A new signing secret, shown this once. Until the overlap is over, deliveries bear both signatures."""

    def make(session: Session) -> Answer:
        view, secret = endpoints.rotate_secret(session, principal.tenant_id, webhook_id, body)
        details = {"overlap_seconds": round(3600 * body.overlap_hours)}
        audit.record(session, principal.tenant_id, principal.key_id, "webhook.secret_rotated", webhook_id, details)
        return _with_secret(view, secret, 200)

    return answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)


@router.get("/{webhook_id}/deliveries", response_model=DeliveryList, responses=problems())
def list_deliveries(
    request: Request,
    webhook_id: str,
    principal: WebhooksManage,
    services: ServicesDep,
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries in this state.")] = None,
    limit: pages.Limit = 20,
    after: pages.After = None,
) -> JSONResponse:
    """What was and will be sent, newest first, with every attempt. Kept for a month."""
    with services.db.read() as session:
        page = deliveries.list_deliveries(session, principal.tenant_id, webhook_id, status, after, limit)
    more = page.next_cursor is not None
    body = DeliveryList(data=list(page.items), has_more=more, next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=pages.link_header(request, services, page.next_cursor))


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202, responses=problems(409))
def redeliver(webhook_id: str, delivery_id: str, principal: WebhooksManage, services: ServicesDep) -> DeliveryView:
    """Send a delivery again now, under the same `webhook-id` and with all its retries before it."""
    with services.db.write() as session:
        view = deliveries.redeliver(session, principal.tenant_id, webhook_id, delivery_id)
        audit.record(session, principal.tenant_id, principal.key_id, "webhook.redelivered", delivery_id)
    return view


def _with_secret(view: WebhookView, secret: str, status: int, headers: dict[str, str] | None = None) -> Answer:
    document = view.model_dump(mode="json")
    return Answer(status, {**document, "secret": secret}, headers or {}, stored={**document, "secret": None})
