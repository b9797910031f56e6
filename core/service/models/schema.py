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

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    family: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    source: Annotated[Words, Field(max_length=MAX_PATH)]
    revision: Annotated[Label, Field(max_length=200)] | None = None
    retain_set: Annotated[Words, Field(max_length=MAX_PATH)] | None = None
    defaults: JsonObject = Field(default_factory=dict)
