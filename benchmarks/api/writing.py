"""Creating jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.api.load import Load, post
from benchmarks.api.servers import Api
from benchmarks.bars import Bar

BODY = {
    "model": "reference-mllm",
    "entity": {"name": "Ada Okoro"},
    "prompts": ["Where was this person born?", "What is Ada Okoro's job?"],
}


def jobs(served: Api, second: Api, seconds: float) -> list[Bar]:
    """Jobs created per second by one API process, and by two. Each is stored durably before the response."""
    return [
        Bar("POST /v1/jobs: created a second by one process", _rate(served, [served], seconds)),
        Bar("POST /v1/jobs: created a second by two processes", _rate(served, [served, second], seconds), 100, ">="),
    ]


def _rate(served: Api, apis: Sequence[Api], seconds: float) -> float:
    auth = {"Authorization": f"Bearer {served.key}"}
    load = Load([api.port for api in apis], [post("/v1/jobs", json.dumps(BODY).encode(), **auth)], 202, 4)
    load.rate(1.0)
    return load.rate(seconds)
