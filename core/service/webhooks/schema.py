"""The bodies of requests about webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from core.service.kit.text import Label, Words
from core.service.webhooks.types import EVENT_TYPES

MAX_URL = 2000


def _known(value: str) -> str:
    if value not in EVENT_TYPES:
        raise PydanticCustomError("unknown_event_type", "Must be one of the event types.")
    return value


EventType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(EVENT_TYPES)})]


class WebhookCreate(BaseModel):
    """A new endpoint. Without `events` it hears of everything, types that come later included."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"url": "https://example.com/hook", "events": ["job.succeeded", "job.failed"]}]
        },
    )

    url: Annotated[Words, Field(max_length=MAX_URL, description="https, port 443 or 8443, no credentials.")] = Field(
        description="Address to POST events to: https, port 443 or 8443, no credentials."
    )
    events: list[EventType] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Event types to send. null: all, with those that are added later.",
    )
    description: Annotated[Label, Field(max_length=200)] | None = Field(None, description="Your own note.")


class SecretRotation(BaseModel):
    """How long both secrets sign."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"overlap_hours": 24.0}]})

    overlap_hours: Annotated[float, Field(ge=0, le=168, strict=True)] = Field(
        24.0, description="Hours for which both the old and the new secret sign."
    )
