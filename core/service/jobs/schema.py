"""A forget request, as CONTRACT writes it. Sizes that are settings are checked in `limits.py`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from core.service.kit.text import JsonObject, Label, Text, Words

MAX_NAME = 200
MAX_ALIASES = 32
MAX_EXTERNAL_ID = 255
MAX_METADATA = 16

MAX_CONSOLIDATED = 200
"""Jobs that are put together in one, at most."""

FileId = Annotated[str, Field(pattern=r"^file_[0-9A-HJKMNP-TV-Z]{26}$")]
JobId = Annotated[str, Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")]
Name = Annotated[Words, Field(max_length=MAX_NAME)]
MetadataKey = Annotated[Label, Field(max_length=64)]
MetadataValue = Annotated[Text, Field(max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntityIn(_Strict):
    """Who or what is to be forgotten."""

    name: Name | None = None
    kind: Literal["identity", "object", "style", "concept", "class"] = "identity"
    aliases: list[Name] = Field(default_factory=list, max_length=MAX_ALIASES)


class RetainIn(_Strict):
    """What the request itself asks to keep."""

    images: list[FileId] = Field(default_factory=list)
    prompts: list[Words] = Field(default_factory=list)
    entities: list[Name] = Field(default_factory=list, max_length=MAX_ALIASES)


class EvaluationIn(_Strict):
    """How hard to look, and what counts as good enough. Which thresholds exist is the evaluation's business."""

    level: Literal["quick", "standard", "thorough"] = "standard"
    thresholds: dict[Text, FiniteFloat] = Field(default_factory=dict, max_length=200)


class JobCreate(_Strict):
    """The body of `POST /v1/jobs`."""

    model: Annotated[Label, Field(max_length=100)]
    entity: EntityIn
    prompts: list[Words] = Field(default_factory=list)
    images: list[FileId] = Field(default_factory=list)
    audio: list[FileId] = Field(default_factory=list)
    method: Annotated[Label, Field(max_length=64)] = "auto"
    method_options: JsonObject = Field(default_factory=dict)
    replacement: Annotated[Words, Field(max_length=MAX_NAME)] | None = None
    modalities: Annotated[list[Literal["image", "text", "audio"]], Field(min_length=1, max_length=3)] | None = Field(
        default=None, description="What is to be forgotten. Default: all that models of the family can forget."
    )
    retain: RetainIn = Field(default_factory=RetainIn)
    evaluation: EvaluationIn = Field(default_factory=EvaluationIn)
    external_id: Annotated[Label, Field(max_length=MAX_EXTERNAL_ID)] | None = None
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=MAX_METADATA)


class SculptBody(_Strict):
    """The body of `POST /v1/jobs/{id}/sculpt`: strengths, or the utility that must be kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"k": 1.0}]})

    k: Annotated[FiniteFloat, Field(ge=0)] | None = None
    k_image: Annotated[FiniteFloat, Field(ge=0)] | None = None
    k_text: Annotated[FiniteFloat, Field(ge=0)] | None = None
    utility_floor: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        split = self.k_image is not None or self.k_text is not None
        if (self.k is not None) + split + (self.utility_floor is not None) != 1:
            raise PydanticCustomError("one_of", "Give k, or k_image and k_text, or utility_floor.")
        return self


class ConsolidateBody(_Strict):
    """The body of `POST /v1/models/{id}/consolidate`. Which options there are is the consolidation's business."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"jobs": None, "options": {}}]})

    jobs: list[JobId] | None = Field(
        default=None,
        max_length=MAX_CONSOLIDATED,
        description="Whose patches to put together; null: those of every request about the model that succeeded.",
    )
    options: JsonObject = Field(default_factory=dict)
