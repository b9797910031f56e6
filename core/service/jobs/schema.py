"""The bodies of requests about jobs. Limits that are settings are checked in `limits.py`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from core.service.kit.text import JsonObject, Label, Text, Words

MAX_NAME = 200
MAX_ALIASES = 32
MAX_EXTERNAL_ID = 255
MAX_METADATA = 16

MAX_NAMES = 200
"""People in one preparation of a retain set, at most."""
MAX_QUESTIONS = 20
MAX_CONSOLIDATED = 200
"""Jobs that are put together in one, at most."""

FileId = Annotated[str, Field(pattern=r"^file_[0-9A-HJKMNP-TV-Z]{26}$")]
JobId = Annotated[str, Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")]
RequestId = Annotated[str, Field(pattern=r"^req_[0-9A-HJKMNP-TV-Z]{26}$")]
ModelId = Annotated[Label, Field(max_length=100)]
Name = Annotated[Words, Field(max_length=MAX_NAME)]
MetadataKey = Annotated[Label, Field(max_length=64)]
MetadataValue = Annotated[Text, Field(max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntityIn(_Strict):
    """Who or what is to be forgotten."""

    name: Name | None = Field(
        None, description="Name of the subject: a person, an object, a style, a concept, or a class label."
    )
    kind: Literal["identity", "object", "style", "concept", "class"] = Field(
        "identity", description="What the subject is."
    )
    aliases: list[Name] = Field(
        default_factory=list,
        max_length=MAX_ALIASES,
        description="Other names of the subject. With `kind` `class`: further labels. They are forgotten together.",
    )


class RetainIn(_Strict):
    """What the request itself asks to keep."""

    images: list[FileId] = Field(default_factory=list, description="Uploaded pictures that must stay as they are.")
    prompts: list[Words] = Field(
        default_factory=list, description="Prompts whose answers, or pictures, must stay as they are."
    )
    entities: list[Name] = Field(
        default_factory=list, max_length=MAX_ALIASES, description="Names of others who must be kept."
    )


class EvaluationIn(_Strict):
    """How hard to look, and what counts as good enough. Which thresholds exist is the evaluation's business."""

    level: Literal["quick", "standard", "thorough"] = Field(
        "standard", description="How much is measured: `quick` least, `thorough` most."
    )
    thresholds: dict[Text, FiniteFloat] = Field(
        default_factory=dict,
        max_length=200,
        description="Bounds that the verdict uses in place of the defaults, by `<split>.<metric>`, or with `.drop`, "
        "`.rise`, `.gap` or `.upper` behind it.",
    )


class ForgetBody(_Strict):
    """What is to be forgotten, and how: what a job and a request of several models have in common."""

    entity: EntityIn = Field(description="Who or what must be forgotten.")
    prompts: list[Words] = Field(
        default_factory=list, description="Questions about the subject, or prompts that draw it."
    )
    images: list[FileId] = Field(default_factory=list, description="Ids of uploaded pictures of the subject.")
    audio: list[FileId] = Field(default_factory=list, description="Ids of uploaded sound clips of the subject.")
    method: Annotated[Label, Field(max_length=64)] = Field(
        "auto",
        description="Name of the unlearning method. `auto`: chosen by the model's family and by what the request "
        "brings.",
    )
    method_options: JsonObject = Field(
        default_factory=dict,
        description="Options of the method; GET /v1/methods has their schema. Those left out take the model's or the "
        "method's defaults.",
    )
    replacement: Annotated[Words, Field(max_length=MAX_NAME)] | None = Field(
        None,
        description="What the model should say or draw in the place of the subject. null: the method's own choice.",
    )
    modalities: Annotated[list[Literal["image", "text", "audio"]], Field(min_length=1, max_length=3)] | None = Field(
        default=None,
        description="What is forgotten: what the model knows from pictures, from text, or from sounds. null: all "
        "that models of the family can forget.",
    )
    retain: RetainIn = Field(
        default_factory=RetainIn, description="What must stay, beside the model's registered retain set."
    )
    evaluation: EvaluationIn = Field(
        default_factory=EvaluationIn, description="How much is measured, and which thresholds decide the verdict."
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict,
        max_length=MAX_METADATA,
        description="Your own notes, up to 16 pairs. Do not put a person's name here: they are not encrypted.",
    )


class JobCreate(ForgetBody):
    """The body of `POST /v1/jobs`."""

    model: ModelId = Field(description="Id of the registered model that must forget.")
    request: RequestId | None = Field(
        None,
        description="Id of the open request that this job serves too, as another attempt or for another model. null: "
        "a request of its own.",
    )
    external_id: Annotated[Label, Field(max_length=MAX_EXTERNAL_ID)] | None = Field(
        None, description="Your own id of the request. Do not put a person's name here: it is not encrypted."
    )


class SculptBody(_Strict):
    """The body of `POST /v1/jobs/{id}/sculpt`: strengths, or the utility that must be kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"k": 1.0}]})

    k: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        None, description="Sculpting strength for all questions: larger forgets more and keeps less."
    )
    k_image: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        None, description="Sculpting strength for questions with pictures."
    )
    k_text: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        None, description="Sculpting strength for questions without pictures."
    )
    utility_floor: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = Field(
        None,
        description="Choose the strength again: the least share of right answers on what is kept that must still be "
        "right.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        split = self.k_image is not None or self.k_text is not None
        if (self.k is not None) + split + (self.utility_floor is not None) != 1:
            raise PydanticCustomError("one_of", "Give k, or k_image and k_text, or utility_floor.")
        return self


class PersonIn(_Strict):
    """Somebody whom a model is asked about by name."""

    name: Name = Field(description="Name of a person.")
    questions: list[Words] = Field(
        default_factory=list, max_length=MAX_QUESTIONS, description="Questions about the person, beside Lethe's own."
    )


class PrepareBody(_Strict):
    """The body of `POST /v1/models/{id}/prepare`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"names": [{"name": "Ada Lovelace"}]}]})

    images: list[FileId] = Field(
        default_factory=list, description="Uploaded pictures, each of somebody or something else."
    )
    people: list[Annotated[list[FileId], Field(min_length=1)]] = Field(
        default_factory=list, description="Uploaded pictures of the same person, a list for each person."
    )
    names: list[PersonIn] = Field(
        default_factory=list, max_length=MAX_NAMES, description="People whom the model is asked about by name."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        0, description="Of who and what comes into which part of the retain set."
    )

    @property
    def pictures(self) -> list[list[str]]:
        """The ids by person."""
        return [*self.people, *([image] for image in self.images)]


class ConsolidateBody(_Strict):
    """The body of `POST /v1/models/{id}/consolidate`. Which options there are is the consolidation's business."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"jobs": None, "options": {}}]})

    jobs: list[JobId] | None = Field(
        default=None,
        max_length=MAX_CONSOLIDATED,
        description="Ids of the jobs whose patches become one. null: every request about the model whose job "
        "succeeded.",
    )
    options: JsonObject = Field(
        default_factory=dict, description="Options of the consolidation; those left out take their defaults."
    )
