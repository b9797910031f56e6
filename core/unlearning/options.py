from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class MethodOptions(BaseModel):
    """Base of each method's `Options`: its JSON Schema is what `GET /v1/methods` publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
