"""A name, prompts and files that stand nowhere else go through every path of a job, and are looked for everywhere.

`SUBJECT` may stand in encrypted blobs only. `SENDER` is what a sender wrote beside the request (its own id, metadata):
it is in the database while the job is, and nowhere else. After the purge there is neither.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import text, update

from core.service import audit
from core.service.context import Services
from core.service.db.base import Base
from core.service.db.tables.jobs import Job
from core.service.jobs import lease
from core.service.jobs.inputs import load_input
from core.service.jobs.sweep.sweep import sweep
from core.service.kit.clock import now
from core.service.models import ModelCreate, register_trusted
from core.service.settings import Settings
from core.service.webhooks import endpoints
from core.service.webhooks.schema import WebhookCreate
from tests.servers.redis_server import Redis
from tests.support.api_process import environment
from tests.support.api_process import serving as api
from tests.support.service import finish, must_take, shift
from worker.attempt.runner import public_error

SUBJECT = [f"canary-{word}-3b9d" for word in ("name", "alias", "prompt", "kept", "instead", "file", "text", "exif")]
NAME, ALIAS, PROMPT, KEPT, INSTEAD, FILE, TEXT, EXIF = SUBJECT
SENDER = ["canary-external-3b9d", "canary-metadata-3b9d"]
PIXELS = bytes(range(7, 7 + 96))
SAMPLES = bytes(range(19, 19 + 200))


def png() -> bytes:
    """A picture with a text chunk."""
    stream, info = io.BytesIO(), PngInfo()
    info.add_text("Comment", TEXT)
    Image.frombytes("RGB", (8, 4), PIXELS).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def jpeg() -> bytes:
    """A picture with EXIF."""
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x013B] = EXIF
    Image.frombytes("RGB", (8, 4), PIXELS).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def wav() -> bytes:
    """A sound."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(SAMPLES)
    return stream.getvalue()


@dataclass
class Place:
    """A running API, and everything that it can have written to."""

    settings: Settings
    services: Services
    client: httpx.Client
    log: Path
    redis_url: str | None
    answers: list[bytes] = field(default_factory=list)

    def send(self, method: str, path: str, status: int, **request: Any) -> httpx.Response:
        """A request whose answer is kept, to be searched."""
        answer = self.client.request(method, path, **request)
        assert answer.status_code == status, answer.text
        self.answers.append(f"{answer.headers}".encode() + answer.content)
        return answer

    def submit(self, number: int) -> str:
        """A job with the subject in every field that can hold it."""
        parts = {"purpose": (None, "forget"), "file": (f"{FILE}.jpg", jpeg(), "image/jpeg")}
        uploaded = self.send("POST", "/v1/files", 201, files=parts).json()["id"]
        parts["file"] = (f"{FILE}.wav", wav(), "audio/wav")
        heard = self.send("POST", "/v1/files", 201, files=parts).json()["id"]
        named = {"model": "hears", "images": [uploaded], "audio": [heard], "external_id": f"{SENDER[0]}-{number}"}
        files = [("request", (None, json.dumps({**REQUEST, **named})))]
        files += [("images", (f"{FILE}.png", png(), "image/png")), ("audio", (f"{FILE}.wav", wav(), "audio/wav"))]
        key = {"Idempotency-Key": f"key-{number}"}
        return str(self.send("POST", "/v1/jobs", 202, files=files, headers=key).json()["id"])


REQUEST: dict[str, Any] = {
    "model": "tiny",
    "entity": {"name": NAME, "aliases": [ALIAS]},
    "prompts": [f"Where does {PROMPT} live?"],
    "replacement": INSTEAD,
    "retain": {"prompts": [KEPT], "entities": [KEPT]},
    "metadata": {"note": SENDER[1]},
}


@pytest.fixture
def place(tmp_path: Path, backend: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Place]:
    redis_url = None
    if backend:
        server: Redis = request.getfixturevalue("redis_server")
        redis_url = server.database()
        backend = {**backend, "broker_url": redis_url}
    data = tmp_path / "data"
    # The test sweeps, when it wants to.
    settings = Settings(data_dir=data, sweep_seconds=3600, bundled_models=False, **backend)
    with api(data, "--no-worker", settings=_variables(settings)) as url, Services.open(settings) as services:
        with services.db.write() as s:
            register_trusted(s, ModelCreate(id="tiny", family="mllm", source="owner/tiny"))
            register_trusted(s, ModelCreate(id="hears", family="audiovisual", source="owner/hears"))
            body = WebhookCreate.model_validate({"url": "https://example.com/hook"})
            endpoints.create(s, "default", settings, body)
        headers = {"Authorization": f"Bearer {(data / 'api-key').read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            yield Place(settings, services, client, data.with_name("data.log"), redis_url)


def _variables(settings: Settings) -> dict[str, str]:
    found = {}
    for name in settings.model_fields_set - {"data_dir"}:
        value = getattr(settings, name)
        found[f"LETHE_{name.upper()}"] = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
    return found


def live(place: Place) -> list[str]:
    """Every path through a job's life. Gives the jobs."""
    services = place.services
    done, failed, broken, crashed, cancelled, running, deleted, queued = jobs = [place.submit(n) for n in range(8)]
    finish(services, must_take(services, done))
    claim = must_take(services, failed)
    with services.db.write() as s:
        lease.set_phase(s, claim, "training", 3)
        lease.set_progress(s, claim, 1, 3, 0.3, loss=0.5)
        lease.fail(s, claim, *public_error(RuntimeError(f"cannot read {NAME}: {PROMPT}")))
    claim = must_take(services, broken)
    for key in services.storage.list(f"inputs/{broken}/"):
        services.storage.put(key, b"not what was stored")
    with pytest.raises(Exception) as unreadable:  # noqa: PT011 - what it says is the point
        load_input(services, claim)
    with services.db.write() as s:
        lease.fail(s, claim, *public_error(unreadable.value))
    must_take(services, crashed)
    shift(services, crashed, lease_expires_at=3600)
    sweep(services)
    place.send("POST", f"/v1/jobs/{cancelled}/cancel", 200)
    claim = must_take(services, running)
    given = load_input(services, claim)
    assert (given.images, given.audio) == ((jpeg(), png()), (wav(), wav()))
    place.send("POST", f"/v1/jobs/{running}/cancel", 202)
    with services.db.write() as s:
        lease.cancel(s, claim)
    place.send("DELETE", f"/v1/jobs/{deleted}", 204)
    assert queued
    return jobs


def err(place: Place) -> None:
    """Requests that are refused, with the subject in every value. (The pointer of a fault names its field, as sent.)"""
    send = place.send
    send("POST", "/v1/jobs", 409, json={**REQUEST, "external_id": f"{SENDER[0]}-0"})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "prompts": [PROMPT, ""]})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "entity": {"name": NAME, "kind": NAME}})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "model": NAME})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "method_options": {"rank": PROMPT}})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "evaluation": {"level": NAME, "thresholds": {"exact": PROMPT}}})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "images": [FILE]})
    send("POST", "/v1/jobs", 400, content=f'{{"entity": {{"name": "{NAME}"'.encode(), headers=JSON)
    send("POST", "/v1/jobs", 422, json={**REQUEST, "entity": {"name": NAME * 100}})
    send("POST", "/v1/jobs", 422, json={**REQUEST, "prompts": [f"{PROMPT} " * 400]})
    gif = {"purpose": (None, "forget"), "file": (f"{FILE}.gif", b"GIF89a" + NAME.encode(), "image/gif")}
    send("POST", "/v1/files", 415, files=gif)
    cut = {"purpose": (None, "forget"), "file": (f"{FILE}.wav", wav()[:-9] + NAME.encode(), "audio/wav")}
    send("POST", "/v1/files", 415, files=cut)
    send("POST", "/v1/files", 422, files={"purpose": (None, NAME), "file": (FILE, png(), "image/png")})
    send("GET", "/v1/jobs", 422, params={"status": NAME})
    send("POST", "/v1/jobs", 200, json=REQUEST, params={"validate_only": "true"})
    reused = {"Idempotency-Key": "key-0"}
    send("POST", "/v1/jobs", 422, json={**REQUEST, "prompts": [PROMPT]}, headers=reused)


JSON = {"Content-Type": "application/json"}


def look(place: Place, jobs: list[str]) -> None:
    """What clients, operators and monitoring see."""
    for job in jobs:
        for rest in ("", "/events?limit=1000"):
            answer = place.client.get(f"/v1/jobs/{job}{rest}")
            place.answers.append(answer.content)
    for path in ("/v1/audit?limit=100", "/metrics", "/readyz", "/v1/keys"):
        place.send("GET", path, 200)
    with place.services.db.read() as s:
        place.answers.append(str(audit.list_entries(s, audit.INSTALLATION).items).encode())


def tables(services: Services) -> bytes:
    """Every value of every table."""
    with services.db.read() as s:
        rows = [list(s.execute(table.select())) for table in Base.metadata.sorted_tables]
    assert sum(map(len, rows)) > 0
    return "\n".join(
        str([bytes(v) if isinstance(v, memoryview) else v for v in row]) for t in rows for row in t
    ).encode()


def messages(place: Place) -> bytes:
    """All that the broker holds."""
    if place.redis_url is None:
        files = [path for path in (place.settings.data_dir / "broker").rglob("*") if path.is_file()]
        return b"\n".join(str(path).encode() + path.read_bytes() for path in files)
    with redis.Redis.from_url(place.redis_url) as broker:
        kinds = {key: broker.type(key) for key in broker.keys("*")}
        held = {key: broker.lrange(key, 0, -1) if kind == b"list" else broker.dump(key) for key, kind in kinds.items()}
    return repr(held).encode()


def objects(services: Services) -> bytes:
    """Names and contents of all that is in the store."""
    return b"\n".join(key.encode() + services.storage.read(key) for key in services.storage.list(""))


def on_disk(place: Place) -> bytes:
    """Every file of the server, raw: the database and its log, locks, drafts."""
    files = [path for path in place.settings.data_dir.rglob("*") if path.is_file()]
    return b"\n".join(str(path).encode() + path.read_bytes() for path in files)


def heard(where: Mapping[str, bytes], words: list[str]) -> list[tuple[str, str]]:
    """Which word stands where. Pictures are known by their pixels, too, and sounds by their samples."""
    birds = {word: word.encode() for word in words} | {"pixels": PIXELS[:24], "png": png()[:60], "jpeg": jpeg()[-40:]}
    birds |= {"samples": SAMPLES[:24], "wav": wav()[:44]}
    return [(name, word) for name, content in where.items() for word, bird in birds.items() if bird in content]


def test_no_canary_sings(place: Place) -> None:
    jobs = live(place)
    err(place)
    look(place, jobs)
    outside = {
        "answers": b"\n".join(place.answers),
        "log": place.log.read_bytes(),
        "broker": messages(place),
        "objects": objects(place.services),
    }
    assert b"/v1/jobs" in outside["log"]
    assert b"lethe.run_job" in outside["broker"]
    assert jobs[0].encode() in outside["objects"]
    everywhere = {**outside, "tables": tables(place.services), "disk": on_disk(place)}
    assert heard(everywhere, SUBJECT) == []
    own_words = {**outside, "answers": b"", "audit": _audit(place)}
    assert heard(own_words, SENDER) == []
    assert SENDER[0].encode() in everywhere["tables"]

    _purge(place)
    left = list(place.services.storage.list(""))
    assert [key.split("/")[-1] for key in left if not key.startswith("audit/")] == ["patch.zip"]
    after = {"tables": tables(place.services), "objects": objects(place.services), "broker": messages(place)}
    after["disk"] = on_disk(place)
    assert heard(after, SUBJECT + SENDER) == []
    assert audit.verify(place.services).ok


def _audit(place: Place) -> bytes:
    with place.services.db.read() as s:
        return repr(list(s.execute(text("SELECT * FROM audit_entries")))).encode()


def _purge(place: Place) -> None:
    """Ends what has not ended, waits for years, and purges."""
    for job in place.client.get("/v1/jobs", params={"limit": 100}).json()["data"]:
        if job["status"] == "queued":
            place.client.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()
    past = now() - timedelta(days=1000)
    with place.services.db.write() as s:
        s.execute(update(Job).where(Job.deleted_at.is_(None)).values(expires_at=past, finished_at=past))
    command = [sys.executable, "-m", "api.admin", "--data-dir", str(place.settings.data_dir), "purge", "--json"]
    variables = environment(**_variables(place.settings))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["jobs"] == 7
