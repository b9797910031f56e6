"""The bodies of requests about requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.service.jobs.schema import MAX_EXTERNAL_ID, ForgetBody, ModelId
from core.service.kit.clock import Moment
from core.service.kit.deadline import Regulation
from core.service.kit.text import Label, Words

MAX_MODELS = 20
MAX_REASON = 2000
_EXAMPLE: dict[str, Any] = {
    "models": ["reference-mllm"],
    "entity": {"name": "Ada Okoro"},
    "prompts": ["Where was Ada Okoro born?"],
    "regulation": "gdpr",
}
Reason = Annotated[Words, Field(max_length=MAX_REASON)]


class RequestCreate(ForgetBody):
    """The body of `POST /v1/requests`: that of a job, with several models, and when the subject asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    models: list[ModelId] = Field(
        min_length=1, max_length=MAX_MODELS, description="Ids of the registered models that must forget, a job each."
    )
    regulation: Regulation = Field("gdpr", description="Whose period counts: one month, or 45 days.")
    received_at: Moment | None = Field(None, description="When the subject's request reached you. null: now.")
    external_id: Annotated[Label, Field(max_length=MAX_EXTERNAL_ID)] | None = Field(
        None, description="Your own id of the request. Do not put a person's name here: it is not encrypted."
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtendBody(_Strict):
    """The body of `POST /v1/requests/{id}/extend`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The model is served at three sites."}]})

    reason: Reason = Field(description="Why the request takes longer, as the subject is told. It is encrypted.")
    months: Literal[1, 2] = Field(2, description="Further months under GDPR. Under CCPA it is always 45 further days.")


class ReasonBody(_Strict):
    """The body of `POST /v1/requests/{id}/settle` and of `/reject`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The model has been taken out of service."}]})

    reason: Reason = Field(description="Why the request ends so. It is encrypted.")
