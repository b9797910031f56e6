"""How a model is registered."""

from __future__ import annotations

from typing import Annotated

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
