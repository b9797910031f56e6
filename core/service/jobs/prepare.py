"""Creates jobs that prepare a retain set. Pictures and names are inputs like a request's, encrypted as these are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.orm import Session

from core.service.access.keys import Principal
from core.service.context import Services
from core.service.errors import FieldError, InvalidRequest
from core.service.files.service import attach
from core.service.jobs.create import announce, new_row
from core.service.jobs.inputs import StoredInputs, storing_inputs
from core.service.jobs.schema import PrepareBody
from core.service.jobs.views import JobView, refreshed_view


def storing_names_and_pictures(services: Services, body: PrepareBody) -> AbstractContextManager[StoredInputs]:
    """Store what the model is asked about before the transaction that calls `create_prepare_job`.

    Raises `InvalidRequest` for too many pictures, `Unavailable`.
    """
    ids = [image for several in body.pictures for image in several]
    if len(ids) > services.settings.max_images:
        detail = f"At most {services.settings.max_images} images a job."
        fault = FieldError("/people" if body.people else "/images", "too_many_images", detail)
        raise InvalidRequest(detail, code=fault.code, errors=[fault])
    request = {
        "images": ids,
        "retain": {"images": []},
        "people": [len(several) for several in body.pictures],
        "names": [[person.name, person.questions] for person in body.names],
    }
    return storing_inputs(services, request)


def create_prepare_job(
    services: Services,
    s: Session,
    principal: Principal,
    model_id: str,
    body: PrepareBody,
    plan: Mapping[str, Any],
    inputs: StoredInputs,
    base_url: str = "",
) -> JobView:
    """Queue it. Raises `InvalidRequest` for unknown pictures, `TooManyQueuedJobs`."""
    row = new_row(s, principal, services.settings, model=model_id, plan=plan, inputs=inputs, job_metadata={})
    s.add(row)
    s.flush()
    lists = {f"/people/{at}": several for at, several in enumerate(body.people)}
    attach(s, principal.tenant_id, row.id, {"/images": body.images, **lists})
    pictures = sum(len(several) for several in body.pictures)
    announce(s, principal, row, {"images": pictures, "names": len(body.names)})
    return refreshed_view(s, row, base_url)
