"""`client.methods`."""

from __future__ import annotations

from collections.abc import Iterator

from client.models import Method
from client.pages import iterate
from client.resources.base import Resource


class Methods(Resource):
    """The unlearning methods of the server."""

    def list(self) -> Iterator[Method]:
        """Every method, with the JSON Schema of its options."""
        return iterate(self._transport, "/v1/methods", {}, Method)
