"""`Idempotency-Key` on a POST that creates: the first answer again, or the work and its answer in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse

from core.service import idempotency
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.idempotency import Replay


@dataclass(frozen=True)
class Answer:
    """What a POST answers. `stored` replaces the body for a later replay, where that must not hold a secret."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    stored: Mapping[str, Any] | None = None

    def response(self) -> JSONResponse:
        """As it goes out the first time."""
        return JSONResponse(self.body, self.status, headers=self.headers)


def fingerprint(request: Request, content: Any, blobs: Iterable[bytes] = ()) -> str:
    """SHA-256 over method, path, canonical JSON and the digest of each upload."""
    whole = hashlib.sha256(f"{request.method}\n{request.url.path}\n".encode())
    whole.update(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
    for blob in blobs:
        whole.update(hashlib.sha256(blob).digest())
    return whole.hexdigest()


def once(
    services: Services, principal: Principal, key: str | None, print_: str, make: Callable[[Session], Answer]
) -> JSONResponse:
    """`make`'s answer; with a key that came before, the answer given then."""
    with services.db.write() as session:
        if key is None:
            return make(session).response()
        replay = idempotency.begin(session, principal.tenant_id, key, print_)
        if replay is not None:
            return replayed(replay)
        answer = make(session)
        stored = answer.stored if answer.stored is not None else answer.body
        idempotency.finish(session, principal.tenant_id, key, answer.status, stored, answer.headers)
    return answer.response()


def replayed(replay: Replay) -> JSONResponse:
    """The first answer again."""
    return JSONResponse(replay.body, replay.status, headers={**replay.headers, "Idempotency-Replayed": "true"})
