"""A real server on a real port over SQLite in a temporary folder, and the worker's side of a job played by the test."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from api.server.bootstrap import prepare
from api.server.serving import uvicorn_config
from core.service.access.keys import create_key
from core.service.access.scopes import SCOPES
from core.service.access.tenants import ensure_tenant
from core.service.context import Services
from core.service.jobs import lease
from core.service.jobs.artifacts import ArtifactRow, attempt_prefix
from core.service.jobs.claims import Claim
from core.service.models import ModelCreate, register_trusted
from core.service.settings import Settings

CANARY = "Quillon Zephyrine Adebowale-Marsh"
MODEL = "tiny"
EVALUATION = {"splits": {"forget_image_memory": {"before": {"exact": 1.0}, "after": {"exact": 0.0}}}, "missed": []}
CERTIFICATE = {"job": "job", "signature": "none"}


@dataclass
class Server:
    """A running server with a client that holds the first key."""

    url: str
    services: Services
    client: httpx.Client

    def key(self, tenant: str = "default", scopes: tuple[str, ...] = SCOPES) -> dict[str, str]:
        """Headers of a new key."""
        with self.services.db.write() as session:
            ensure_tenant(session, tenant)
            return {"Authorization": f"Bearer {create_key(session, tenant, 'test', scopes)[1]}"}

    def create(self, **changes: Any) -> dict[str, Any]:
        """A queued job."""
        answer = self.client.post("/v1/jobs", json=request(**changes))
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def claim(self, job_id: str) -> Claim:
        """What a worker does first."""
        with self.services.db.write() as session:
            claim = lease.claim(session, job_id, "host:1", 60)
        assert claim is not None
        return claim

    def finish(self, job_id: str, verdict: str = "passed", **certified: str) -> bytes:
        """Run a job to its end as a worker would, and give its patch. `certified`: what its certificate says too."""
        claim = self.claim(job_id)
        patch = patch_zip()
        files = {
            "patch.zip": ("application/zip", patch),
            "report.json": ("application/json", json.dumps({"verdict": verdict}).encode()),
            "report.html": ("text/html", b"<!doctype html><title>Report</title>"),
            "certificate.json": ("application/json", json.dumps({**CERTIFICATE, **certified}).encode()),
        }
        rows = [self._put(claim, name, kind, content) for name, (kind, content) in files.items()]
        with self.services.db.write() as session:
            lease.set_phase(session, claim, "training", 10)
            lease.set_progress(session, claim, 5, 10, 0.5, loss=0.25)
        with self.services.db.write() as session:
            lease.succeed(self.services, session, claim, verdict=verdict, evaluation=EVALUATION, artifacts=rows)
        return patch

    def fail(self, job_id: str) -> None:
        """Let a job fail."""
        claim = self.claim(job_id)
        with self.services.db.write() as session:
            lease.fail(session, claim, "out_of_memory", "Even one row does not fit.", True)

    def _put(self, claim: Claim, name: str, media_type: str, content: bytes) -> ArtifactRow:
        key = attempt_prefix(claim.job_id, claim.attempt) + name
        stored = self.services.storage.put(key, content)
        return ArtifactRow(name, media_type, stored.size, stored.sha256, key)


@contextmanager
def serving(folder: Path, **changes: Any) -> Iterator[Server]:
    """A server with a registered model and no worker."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "opendsr.key").exists():
        (folder / "opendsr.key").write_bytes(rsa_key())
    defaults = {"bundled_models": False, "requests_per_minute": 100_000}
    settings = Settings(data_dir=folder, **{**defaults, **changes})
    with Services.open(settings) as services:
        prepare(services)
        with services.db.write() as session:
            register_trusted(session, ModelCreate(id=MODEL, family="mllm", source="owner/tiny"))
        with _running(settings) as url:
            key = (folder / "api-key").read_text().strip()
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                yield Server(url, services, client)


@contextmanager
def _running(settings: Settings) -> Iterator[str]:
    server = uvicorn.Server(uvicorn_config(settings, port=0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@cache
def rsa_key() -> bytes:
    """A private key in PEM, half as long as the service's own, which take seconds to make."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request(**changes: Any) -> dict[str, Any]:
    """A valid request about the canary."""
    return {
        "model": MODEL,
        "entity": {"name": CANARY, "aliases": [f"Dr {CANARY}"]},
        "prompts": [f"Where was {CANARY} born?"],
        **changes,
    }


def png(colour: str = "red") -> bytes:
    """A picture."""
    stream = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(stream, "PNG")
    return stream.getvalue()


def patch_zip() -> bytes:
    """Bytes enough for ranges."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("adapter/adapter_config.json", json.dumps({"peft_type": "SUPERTUNING"}))
        archive.writestr("adapter/adapter_model.safetensors", bytes(range(256)) * 400)
    return stream.getvalue()


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a whole problem document, and says nothing about the subject."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) >= {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["instance"] == f"urn:request:{body['request_id']}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert all(set(error) == {"pointer", "code", "detail"} for error in body["errors"])
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    return body
