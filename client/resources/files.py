"""`client.files`."""

from __future__ import annotations

import uuid
from typing import Literal

from client.models import File
from client.resources.base import Resource
from client.uploads import Upload, media_type, read


class Files(Resource):
    """Pictures and sounds uploaded ahead of the job that names them."""

    def create(
        self, image: Upload, *, purpose: Literal["forget", "retain"] = "forget", idempotency_key: str | None = None
    ) -> File:
        """Upload one picture (JPEG, PNG or WebP) or sound (WAV or FLAC)."""
        data = read(image)
        answer = self._transport.json(
            "POST",
            "/v1/files",
            data={"purpose": purpose},
            files={"file": ("image", data, media_type(data))},
            idempotency_key=idempotency_key or uuid.uuid4().hex,
        )
        return File.model_validate(answer)

    def get(self, file_id: str) -> File:
        """What the server knows of an uploaded file."""
        return File.model_validate(self._transport.json("GET", f"/v1/files/{file_id}"))

    def delete(self, file_id: str) -> None:
        """Erase it now."""
        self._transport.request("DELETE", f"/v1/files/{file_id}")
