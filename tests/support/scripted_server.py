"""A server made of scripted answers, and clients that do not really sleep."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from client.lethe import Lethe
from client.retry import RetryPolicy

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
URL = "http://lethe.test"


class Script(httpx.BaseTransport):
    """Answers requests one after the other; the last answer is repeated. Every request is kept."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def scripted(*answers: Answer, max_retries: int = 4) -> tuple[Lethe, Script, list[float]]:
    """A client, the script that answers it, and the seconds that it would have slept."""
    script, slept = Script(answers), []
    client = Lethe(URL, "lk_test", transport=script, retry=RetryPolicy(max_retries=max_retries))
    client._transport.sleep = slept.append
    return client, script, slept


def job(status: str = "queued", **fields: Any) -> dict[str, Any]:
    """A job as the API answers it."""
    return {
        "object": "job",
        "id": "job_1",
        "status": status,
        "phase": None,
        "progress": {"step": 0, "total_steps": None, "fraction": 0.0, "eta_at": None},
        "model": "reference-mllm",
        "method": "smfa",
        "plan": {},
        "attempt": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "verdict": None,
        "evaluation": None,
        "error": None,
        "external_id": None,
        "metadata": {},
        "artifacts": [],
        "links": {"self": "/v1/jobs/job_1"},
    } | fields


def answer(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; `_` in header names stands for `-`."""
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def problem(status: int, code: str, detail: str = "It cannot be done", **more: Any) -> httpx.Response:
    """A problem+json answer."""
    retry_after = more.pop("retry_after", None)
    headers = {"content-type": "application/problem+json"} | ({"retry-after": retry_after} if retry_after else {})
    body = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "req_7",
    }
    return httpx.Response(status, content=json.dumps(body | more), headers=headers)


def event(seq: int, kind: str, **data: Any) -> dict[str, Any]:
    """An event as the API lists it."""
    created = "2026-01-01T00:00:00Z"
    return {"object": "event", "id": f"evt_{seq}", "seq": seq, "type": kind, "created_at": created, "data": data}


def stream(*events: dict[str, Any]) -> httpx.Response:
    """The same as server-sent events, with what a server sends between them."""
    text = "retry: 3000\n\n"
    for sent in events:
        text += f"id: {sent['seq']}\nevent: {sent['type']}\ndata: {json.dumps(sent)}\n\n: still here\n\n"
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def repr_digest(data: bytes) -> str:
    """The value of `Repr-Digest`."""
    return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"
