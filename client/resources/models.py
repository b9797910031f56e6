"""`client.models`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from client.models import RegisteredModel
from client.pages import iterate
from client.resources.base import Resource


class Models(Resource):
    """The models that jobs may name."""

    def list(self) -> Iterator[RegisteredModel]:
        """Every registered model."""
        return iterate(self._transport, "/v1/models", {}, RegisteredModel)

    def get(self, model_id: str) -> RegisteredModel:
        """One of them."""
        return RegisteredModel.model_validate(self._transport.json("GET", f"/v1/models/{model_id}"))

    def register(
        self,
        model_id: str,
        *,
        family: str,
        source: str,
        revision: str | None = None,
        retain_set: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> RegisteredModel:
        """Make a model known. `source` and `retain_set` are paths on the server inside its model roots, or a hub id."""
        body: dict[str, Any] = {
            "id": model_id,
            "family": family,
            "source": source,
            "revision": revision,
            "retain_set": retain_set,
        }
        body["defaults"] = dict(defaults or {})
        answer = self._transport.json("POST", "/v1/models", json=body, idempotency_key=uuid.uuid4().hex)
        return RegisteredModel.model_validate(answer)
