"""Creates jobs that prepare a retain set. Pictures and names are inputs like a request's, encrypted as these are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from core.service.access.keys import Principal
from core.service.context import Services
from core.service.errors import FieldError, InvalidRequest, Unavailable
from core.service.files.service import attach
from core.service.jobs.create import announce, new_row
from core.service.jobs.inputs import NO_UPLOADS, store_inputs
from core.service.jobs.schema import PrepareBody
from core.service.jobs.views import JobView, refreshed_view
from core.service.storage.port import StoreError


def create_prepare_job(
    services: Services,
    s: Session,
    principal: Principal,
    model_id: str,
    body: PrepareBody,
    plan: Mapping[str, Any],
    base_url: str = "",
) -> JobView:
    """Queue it. Raises `InvalidRequest` for too many or unknown pictures, `TooManyQueuedJobs`, `Unavailable`."""
    ids = [image for several in body.pictures for image in several]
    if len(ids) > services.settings.max_images:
        detail = f"At most {services.settings.max_images} images a job."
        fault = FieldError("/people" if body.people else "/images", "too_many_images", detail)
        raise InvalidRequest(detail, code=fault.code, errors=[fault])
    wrapped = services.keyring.new_data_key()
    row = new_row(s, principal, services.settings, model=model_id, plan=plan, job_metadata={}, wrapped_key=wrapped.blob)
    s.add(row)
    s.flush()
    lists = {f"/people/{at}": several for at, several in enumerate(body.people)}
    attach(s, principal.tenant_id, row.id, {"/images": body.images, **lists})
    request = {
        "images": ids,
        "retain": {"images": []},
        "people": [len(several) for several in body.pictures],
        "names": [[person.name, person.questions] for person in body.names],
    }
    try:
        store_inputs(services, row.id, wrapped, request, NO_UPLOADS)
    except StoreError:
        raise Unavailable("The object store does not answer.") from None
    announce(s, principal, row, {"images": len(ids), "names": len(body.names)})
    return refreshed_view(s, row, base_url)
