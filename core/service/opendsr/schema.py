"""The body of an OpenDSR request, as the specification has it (section 6)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.service.kit.clock import Moment
from core.service.kit.deadline import Regulation
from core.service.kit.text import JsonObject, Words

API_VERSION = "2.0"
IDENTITIES = ("controller_customer_id", "email")
"""What a model can have learned of a person. Advertising ids and hashes stand in no picture and no text."""
MAX_IDENTITIES = 32
MAX_CALLBACKS = 5
_UUID4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

EXAMPLE: dict[str, Any] = {
    "regulation": "gdpr",
    "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
    "subject_request_type": "erasure",
    "submitted_time": "2026-11-02T15:00:00Z",
    "subject_identities": [
        {"identity_type": "email", "identity_value": "ada.okoro@example.com", "identity_format": "raw"}
    ],
    "api_version": "2.0",
    "status_callback_urls": [],
    "extensions": {"localhost": {"model": "reference-mllm", "entity": {"name": "Ada Okoro"}}},
}


class Identity(BaseModel):
    """How the controller knows the subject."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity_type: Literal["controller_customer_id", "email"]
    identity_value: Annotated[Words, Field(max_length=200)]
    identity_format: Literal["raw"]


class OpendsrCreate(BaseModel):
    """A data subject request. Only erasure can be asked of models."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    regulation: Regulation
    subject_request_id: Annotated[str, Field(pattern=_UUID4, description="A lowercase UUID version 4.")]
    subject_request_type: Literal["erasure"]
    submitted_time: Annotated[Moment, Field(description="When the subject asked.")]
    subject_identities: list[Identity] = Field(default_factory=list, max_length=MAX_IDENTITIES)
    api_version: Literal["2.0"] = "2.0"
    status_callback_urls: list[Annotated[Words, Field(max_length=2000)]] = Field(
        default_factory=list, max_length=MAX_CALLBACKS
    )
    extensions: dict[Annotated[Words, Field(max_length=253)], JsonObject] = Field(default_factory=dict, max_length=10)
