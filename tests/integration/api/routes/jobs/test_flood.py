"""Four clients queue a thousand jobs over bad connections, repeating themselves: exactly the distinct ones exist."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select

from core.service.db.tables.idempotency import IdempotencyKey
from core.service.db.tables.jobs import Job
from tests.support.api_server import Server, request, serving

CLIENTS, JOBS = 4, 1000


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data"), max_queued_jobs=2 * JOBS, sweep_seconds=3600) as running:
        yield running


def body(number: int) -> bytes:
    return json.dumps(request(external_id=f"DSR-{number}")).encode()


def drop(server: Server, number: int, share: float) -> None:
    """Send a share of a request, or all of it, and go away without an answer."""
    host, port = server.url.removeprefix("http://").split(":")
    content = body(number)
    head = "POST /v1/jobs HTTP/1.1\r\nHost: lethe\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {server.client.headers['authorization']}\r\nIdempotency-Key: job-{number}\r\n"
    whole = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(whole[: round(len(whole) * share)])


def client(server: Server, seed: int) -> dict[int, set[str]]:
    """What a client was told of each of its jobs: the ids, over all its tries."""
    chance = random.Random(seed)
    # A quarter of the jobs is each client's own; an eighth of its work is another's, at the same time.
    work = [*range(seed, JOBS, CLIENTS), *range((seed + 1) % CLIENTS, JOBS, CLIENTS * 4)]
    chance.shuffle(work)
    told: dict[int, set[str]] = {}
    with httpx.Client(base_url=server.url, headers=dict(server.client.headers), timeout=120) as http:
        for number in work:
            if chance.random() < 0.1:
                drop(server, number, chance.choice([0.3, 0.9, 1.0]))
            for _ in range(2 if chance.random() < 0.1 else 1):
                told.setdefault(number, set()).add(create(http, number))
    return told


def create(http: httpx.Client, number: int) -> str:
    """Asked again for as long as another request with the key has no answer."""
    headers = {"Idempotency-Key": f"job-{number}", "Content-Type": "application/json"}
    while (answer := http.post("/v1/jobs", content=body(number), headers=headers)).status_code == 409:
        assert answer.json()["code"] == "idempotency_in_progress"
        time.sleep(0.02)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_exactly_the_distinct_jobs_exist(server: Server) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda seed: client(server, seed), range(CLIENTS)))
    told: dict[int, set[str]] = {}
    for answer in answers:
        for number, ids in answer.items():
            told.setdefault(number, set()).update(ids)
    assert sorted(told) == list(range(JOBS))
    assert all(len(ids) == 1 for ids in told.values())
    with server.services.db.read() as session:
        jobs = {row.external_id: row.id for row in session.execute(select(Job.external_id, Job.id))}
        keys = session.execute(select(func.count()).select_from(IdempotencyKey)).scalar_one()
    assert jobs == {f"DSR-{number}": ids.pop() for number, ids in told.items()}
    assert keys == JOBS
    assert len({key.split("/")[1] for key in server.services.storage.list("inputs/")}) == JOBS
