"""A store that answers slowly holds up those who wait for it, and nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import httpx
import pytest

from core.service.storage.disk import DiskStore
from tests.servers.postgres import Postgres
from tests.support import api_server
from tests.support.api_server import png

EACH = 8
"""Requests of each kind: together more than the connections that a process has to its database, which are 15."""


def a_job(client: httpx.Client, number: int) -> httpx.Response:
    files = {"images": ("1.png", png(), "image/png")}
    body = httpx.Request("POST", "http://x", json=api_server.request(external_id=f"DSR-{number}")).content
    return client.post("/v1/jobs", data={"request": body.decode()}, files=files)


def a_file(client: httpx.Client, _: int) -> httpx.Response:
    return client.post("/v1/files", data={"purpose": "forget"}, files={"file": ("1.png", png(), "image/png")})


def an_opendsr_request(client: httpx.Client, _: int) -> httpx.Response:
    body = {
        "regulation": "gdpr",
        "subject_request_id": str(uuid.uuid4()),
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-02T15:00:00Z",
        "extensions": {"localhost": {"model": api_server.MODEL, "entity": {"name": api_server.CANARY}}},
    }
    return client.post("/opendsr/v2/requests", json=body)


def test_uploads_that_wait_for_the_store_hold_no_connection(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, store = Semaphore(0), Event()
    put: Callable[..., Any] = DiskStore.put

    def slowly(self: DiskStore, key: str, *arguments: Any, **options: Any) -> Any:
        if not key.startswith("audit/"):
            waiting.release()
            assert store.wait(120)
        return put(self, key, *arguments, **options)

    monkeypatch.setattr(DiskStore, "put", slowly)
    kinds = (a_job, a_file, an_opendsr_request)
    with (
        postgres.database() as url,
        api_server.serving(tmp_path, database_url=url) as server,
        ThreadPoolExecutor(len(kinds) * EACH) as pool,
    ):
        sent = [pool.submit(kind, server.client, n) for kind in kinds for n in range(EACH)]
        try:
            for _ in sent:
                assert waiting.acquire(timeout=60)
            assert server.client.get("/v1/jobs").status_code == 200
        finally:
            store.set()
        assert {answer.result().status_code for answer in sent} == {201, 202}
        assert len(server.client.get("/v1/jobs?limit=100").json()["data"]) == 2 * EACH


def test_what_is_refused_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    with api_server.serving(tmp_path, max_queued_jobs=1) as server:
        assert a_job(server.client, 1).status_code == 202
        held = list(server.services.storage.list("inputs/"))
        assert a_job(server.client, 2).status_code == 429
        assert list(server.services.storage.list("inputs/")) == held


def test_an_upload_sent_again_is_stored_once(tmp_path: Path) -> None:
    with api_server.serving(tmp_path) as server:
        headers = {"Idempotency-Key": "again"}
        first, second = (
            server.client.post(
                "/v1/files", data={"purpose": "forget"}, files={"file": ("1.png", png(), "image/png")}, headers=headers
            )
            for _ in range(2)
        )
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert len(list(server.services.storage.list("files/"))) == 1
