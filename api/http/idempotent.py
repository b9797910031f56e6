"""`Idempotency-Key` of a POST: a repeat gets the stored answer; else work and answer are stored in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.service import idempotency
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.idempotency import Replay


@dataclass(frozen=True)
class Answer:
    """The answer to a POST. `stored`: the body for later repeats, if that must differ because it may hold no secret."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    stored: Mapping[str, Any] | None = None

    def response(self) -> JSONResponse:
        """The response to the first request."""
        return JSONResponse(self.body, self.status, headers=self.headers)


def fingerprint(request: Request, content: Any, blobs: Iterable[bytes] = ()) -> str:
    """SHA-256 over method, path, canonical JSON and the digest of each upload."""
    digest = hashlib.sha256(f"{request.method}\n{request.url.path}\n".encode())
    digest.update(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
    for blob in blobs:
        digest.update(hashlib.sha256(blob).digest())
    return digest.hexdigest()


def find_replay(services: Services, principal: Principal, key: str | None, request_fingerprint: str) -> Response | None:
    """The stored answer to the first request with this key, for routes that store objects before `answer_once`."""
    if key is None:
        return None
    with services.db.read() as session:
        replay = idempotency.find(session, principal.tenant_id, key, request_fingerprint)
    return None if replay is None else _replayed(replay)


def answer_once(
    services: Services,
    principal: Principal,
    key: str | None,
    request_fingerprint: str,
    make: Callable[[Session], Answer],
) -> JSONResponse:
    """The answer of `make`; for a repeated key the stored answer of the first request."""
    with services.db.write() as session:
        if key is None:
            return make(session).response()
        replay = idempotency.begin(session, principal.tenant_id, key, request_fingerprint)
        if replay is not None:
            return _replayed(replay)
        answer = make(session)
        stored = answer.stored if answer.stored is not None else answer.body
        idempotency.finish(session, principal.tenant_id, key, answer.status, stored, answer.headers)
    return answer.response()


def _replayed(replay: Replay) -> JSONResponse:
    """The stored answer of the first request."""
    return JSONResponse(replay.body, replay.status, headers={**replay.headers, "Idempotency-Replayed": "true"})
