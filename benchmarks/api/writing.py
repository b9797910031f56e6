"""Creating jobs."""

from __future__ import annotations

import json

from benchmarks.api.load import Load, post
from benchmarks.api.servers import Api
from benchmarks.bars import Bar

BODY = {
    "model": "reference-mllm",
    "entity": {"name": "Ada Okoro"},
    "prompts": ["Where was this person born?", "What is Ada Okoro's job?"],
}


def jobs(served: Api, seconds: float) -> list[Bar]:
    """Each one stored, encrypted, audited and durable before its answer."""
    auth = {"Authorization": f"Bearer {served.key}"}
    load = Load(served.port, [post("/v1/jobs", json.dumps(BODY).encode(), **auth)], 202, connections=4)
    load.rate(1.0)
    rate = load.rate(seconds)
    load.close()
    return [Bar("POST /v1/jobs: created a second", rate, 100, ">=")]
