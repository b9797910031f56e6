"""`client.models`."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from client import uploads
from client.job import Job
from client.models import ModelCheck, RegisteredModel
from client.pages import iterate
from client.resources.base import Resource
from client.resources.files import Files
from client.resources.jobs import Jobs
from client.uploads import Upload


class Models(Resource):
    """The models that jobs may name."""

    def list(self) -> Iterator[RegisteredModel]:
        """Every registered model."""
        return iterate(self._transport, "/v1/models", {}, RegisteredModel)

    def get(self, model_id: str) -> RegisteredModel:
        """One of them."""
        return RegisteredModel.model_validate(self._transport.json("GET", f"/v1/models/{model_id}"))

    def check(self, model_id: str) -> ModelCheck:
        """What a model and its retain set allow: what is missing, how sure reports can be, what a job takes."""
        return ModelCheck.model_validate(self._transport.json("GET", f"/v1/models/{model_id}/check"))

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

    def prepare(
        self,
        model_id: str,
        *,
        images: Iterable[Upload] = (),
        people: Iterable[Iterable[Upload]] = (),
        names: Iterable[str | tuple[str, Sequence[str]]] = (),
        seed: int = 0,
        idempotency_key: str | None = None,
    ) -> Job:
        """Make a retain set by asking the model about pictures and names: a new job that leaves `retain_set.zip`.

        `images`: each of somebody or something else. `people`: pictures of the same person, for each. `names`: people,
        alone or with questions about each.
        """
        body = {
            "images": self._uploaded(images),
            "people": [self._uploaded(several) for several in people],
            "names": [_person(name) for name in names],
            "seed": seed,
        }
        key = idempotency_key or uuid.uuid4().hex
        answer = self._transport.json("POST", f"/v1/models/{model_id}/prepare", json=body, idempotency_key=key)
        return Job.bind(Jobs(self._transport), answer)

    def _uploaded(self, images: Iterable[Upload]) -> builtins.list[str]:
        """File ids as they are, and those of what is uploaded now."""
        ids, new = uploads.split(images, "image")
        return [*ids, *(Files(self._transport).create(data, purpose="retain").id for _, data in new)]

    def consolidate(
        self,
        model_id: str,
        jobs: Sequence[str] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Put the patches of several jobs together in one, without the subjects' data: a new job.

        `jobs` None: those of every request about the model that succeeded.
        """
        body = {"jobs": None if jobs is None else list(jobs), "options": dict(options or {})}
        key = idempotency_key or uuid.uuid4().hex
        answer = self._transport.json("POST", f"/v1/models/{model_id}/consolidate", json=body, idempotency_key=key)
        return Job.bind(Jobs(self._transport), answer)


def _person(name: str | tuple[str, Sequence[str]]) -> dict[str, Any]:
    if isinstance(name, str):
        return {"name": name}
    return {"name": name[0], "questions": builtins.list(name[1])}
