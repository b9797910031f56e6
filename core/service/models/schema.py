"""How a model is registered, and what is found of one that is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.service.kit.text import JsonObject, Label, Words

MAX_PATH = 1000


_EXAMPLE: dict[str, JsonValue] = {
    "id": "llava-1.5-7b",
    "family": "mllm",
    "source": "llava-hf/llava-1.5-7b-hf",
    "revision": "main",
}


class ModelCreate(BaseModel):
    """`source` is a folder below one of the model roots, or a hub id `owner/name`."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        description="Name by which requests name the model."
    )
    family: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        description="Kind of model: one of the families in `GET /v1/methods`, such as `mllm` or `llm`."
    )
    source: Annotated[Words, Field(max_length=MAX_PATH)] = Field(
        description="Checkpoint folder on the server, below one of the model roots, or a hub id `owner/name`."
    )
    revision: Annotated[Label, Field(max_length=200)] | None = Field(
        None, description="Commit of a hub id. null: the newest."
    )
    retain_set: Annotated[Words, Field(max_length=MAX_PATH)] | None = Field(
        None, description="Folder that says what must stay. null: jobs keep what they can by the model's own answers."
    )
    defaults: JsonObject = Field(
        default_factory=dict,
        description="Method options and settings of the family that hold for this model unless a request says "
        "otherwise.",
    )


class Finding(BaseModel):
    """One thing that jobs on a model depend on."""

    name: Literal["source", "retain_set", "oracle", "defaults"]
    status: Literal["ok", "none", "unknown", "invalid"] = Field(
        description="`none`: nothing is registered. `unknown`: it cannot be seen from the server."
    )
    detail: str = Field(description="What was found, in a sentence.")


class Certainty(BaseModel):
    """How sure a report can be."""

    level: str
    probes: int = Field(description="Questions of the split that a report of this level measures, at most.")
    clusters: int | None = Field(
        description="Different pictures or questions among them: each counts once. null: it depends on the request."
    )
    at_most: float | None = Field(
        description="Where none of them leaks or is lost, at most this share of all does, with 95 % confidence."
    )
    needed: int | None = Field(
        description="Clusters without a loss that show the default thresholds to be met. null: there is no threshold."
    )


class SplitCheck(BaseModel):
    """What the retain set has of a split."""

    split: str
    title: str
    purpose: str = Field(description="What its rows are for.")
    unit: str = Field(description="What its probes are clustered by, such as a picture.")
    rows: dict[str, int] = Field(description="Rows by part. Empty for splits that a request brings itself.")
    missing: list[str] = Field(description="Parts that have no row and should have some.")
    certainty: list[Certainty] = Field(description="By level, how sure a report can be.")


class MethodCheck(BaseModel):
    """A method that works on the model."""

    name: str
    title: str
    needs: list[str] = Field(description="What a request must bring for it.")


class LevelCheck(BaseModel):
    """What a job about one subject takes at a level of evaluation."""

    level: str
    method: str = Field(description="The method that `auto` chooses.")
    training_examples: int = Field(description="Examples to forget, at most.")
    steps: int | None = Field(description="Optimiser steps, at most. null: the method has none, or does not say.")
    memory: dict[str, int] | None = Field(description="Bytes that a job needs. null: nothing is known of the model.")
    least_time: str | None = Field(description="What training takes by arithmetic, in words. null: it is not known.")
    estimate: dict[str, Any] = Field(description="Seconds that earlier jobs like this took here, as in a plan.")


class ModelCheckView(BaseModel):
    """What a registered model and its retain set allow."""

    object: Literal["model_check"] = "model_check"
    model: str
    family: str
    findings: list[Finding] = Field(description="The folders and settings that the model is registered with.")
    splits: list[SplitCheck] = Field(description="What a report measures, and by how many probes.")
    methods: list[MethodCheck] = Field(description="Methods that work on the model.")
    levels: list[LevelCheck] = Field(description="A job about one subject by name, with three pictures where used.")
