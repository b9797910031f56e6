"""`client.jobs`."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from client import uploads
from client.download import OnBytes, download
from client.errors import JobTimeoutError
from client.events import Feed
from client.job import Job
from client.level import Level
from client.models import Artifact, Event, JobState
from client.pages import iterate
from client.resources.base import Resource
from client.uploads import Upload

Kind = Literal["identity", "object", "style", "concept", "class"]
Artifacts = list[Artifact]

_LONG_POLL_SECONDS = 30


class Jobs(Resource):
    """Forget requests and what becomes of them."""

    def create(
        self,
        *,
        model: str,
        name: str | None = None,
        kind: Kind = "identity",
        aliases: Iterable[str] = (),
        prompts: Iterable[str] = (),
        images: Iterable[Upload] = (),
        audio: Iterable[Upload] = (),
        method: str = "auto",
        method_options: Mapping[str, Any] | None = None,
        replacement: str | None = None,
        modalities: Iterable[str] | None = None,
        retain: Mapping[str, Any] | None = None,
        level: Level = "standard",
        thresholds: Mapping[str, float] | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask a model to forget an entity: its `name`, `prompts` about it, `images` of it (paths, bytes or file ids).

        Sound clips of it go into `audio` likewise.

        The call may be repeated after any failure with the same `idempotency_key`: the job is made once. A key is made
        up when none is passed, and used for all retries of this call.
        """
        body: dict[str, Any] = {
            "model": model,
            "entity": {"name": name, "kind": kind, "aliases": list(aliases)},
            "prompts": list(prompts),
            "method": method,
            "method_options": dict(method_options or {}),
            "replacement": replacement,
            "retain": dict(retain or {}),
            "evaluation": {"level": level, "thresholds": dict(thresholds or {})},
            "external_id": external_id,
            "metadata": dict(metadata or {}),
        }
        if modalities is not None:
            body["modalities"] = list(modalities)
        return self.create_from(body, images=images, audio=audio, idempotency_key=idempotency_key)

    def create_from(
        self,
        request: Mapping[str, Any],
        *,
        images: Iterable[Upload] = (),
        audio: Iterable[Upload] = (),
        idempotency_key: str | None = None,
    ) -> Job:
        """As `create`, from a request in the form of the HTTP API, e.g. from a `request.json`."""
        files = {"images": images, "audio": audio}
        return Job.bind(self, self._post(request, files, {}, idempotency_key or uuid.uuid4().hex))

    def validate(
        self, request: Mapping[str, Any], *, images: Iterable[Upload] = (), audio: Iterable[Upload] = ()
    ) -> dict[str, Any]:
        """The plan that the server would follow: method and why, options, examples, estimate. Nothing is stored."""
        return self._post(request, {"images": images, "audio": audio}, {"validate_only": "true"}, None)

    def _post(
        self, request: Mapping[str, Any], files: Mapping[str, Iterable[Upload]], params: dict[str, str], key: str | None
    ) -> dict[str, Any]:
        body, parts = dict(request), []
        for field, passed in files.items():
            ids, new = uploads.split(passed, field.removesuffix("s"))
            parts += [(field, (name, data, uploads.media_type(data))) for name, data in new]
            if ids:
                body[field] = [*body.get(field, []), *ids]
        form: dict[str, Any] = {"json": body}
        if parts:
            form = {"files": [("request", (None, json.dumps(body), "application/json")), *parts]}
        answer: dict[str, Any] = self._transport.json("POST", "/v1/jobs", params=params, idempotency_key=key, **form)
        return answer

    def get(self, job_id: str) -> Job:
        """A job as it is now."""
        return Job.bind(self, self._transport.json("GET", f"/v1/jobs/{job_id}"))

    def list(
        self,
        *,
        status: str | None = None,
        model: str | None = None,
        external_id: str | None = None,
        created_after: datetime | None = None,
        verdict: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Job]:
        """Every job that fits, newest first. Pages are fetched as the iteration reaches them."""
        params = {
            "status": status,
            "model": model,
            "external_id": external_id,
            "created_after": created_after.isoformat() if created_after else None,
            "verdict": verdict,
            "limit": page_size,
        }
        for state in iterate(self._transport, "/v1/jobs", params, JobState):
            yield Job.bind(self, state.model_dump())

    def wait(self, job_id: str, *, timeout: float | None = None, on_update: Callable[[Job], None] | None = None) -> Job:
        """Long-poll until the job is done. `on_update` sees each new state, the last one included."""
        deadline = None if timeout is None else time.monotonic() + timeout
        etag, job = None, None
        while True:
            remaining = _LONG_POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if remaining <= 0:
                raise JobTimeoutError(f"{job_id} is not done yet; it goes on without us")
            etag, job = self._changed(job_id, etag, job, min(_LONG_POLL_SECONDS, remaining), on_update)
            if job.done:
                return job

    def _changed(
        self, job_id: str, etag: str | None, job: Job | None, seconds: float, on_update: Callable[[Job], None] | None
    ) -> tuple[str | None, Job]:
        """The job and its ETag. The first call returns at once; later ones once the job changes, or after `seconds`."""
        headers, params = {}, {}
        if job is not None:
            headers, params = ({"If-None-Match": etag} if etag else {}), {"wait": str(max(1, int(seconds)))}
        started = time.monotonic()
        response = self._transport.request(
            "GET", f"/v1/jobs/{job_id}", headers=headers, params=params, timeout=_LONG_POLL_SECONDS + 30
        )
        if response.status_code == 304 and job is not None:
            if time.monotonic() - started < 1.0:
                self._transport.sleep(1.0)  # The server answers at once instead of waiting: do not flood it.
            return etag, job
        fresh = Job.bind(self, response.json())
        if on_update is not None:
            on_update(fresh)
        return response.headers.get("etag"), fresh

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Events as they happen, until the job is done. `after` is the last `seq` already seen."""
        return iter(Feed(self._transport, job_id, after=after))

    def cancel(self, job_id: str) -> Job:
        """Ask it to stop."""
        return Job.bind(
            self, self._transport.json("POST", f"/v1/jobs/{job_id}/cancel", idempotency_key=uuid.uuid4().hex)
        )

    def retry(self, job_id: str) -> Job:
        """Start the next attempt of a failed job."""
        return Job.bind(self, self._transport.json("POST", f"/v1/jobs/{job_id}/retry"))

    def sculpt(
        self,
        job_id: str,
        *,
        k: float | None = None,
        k_image: float | None = None,
        k_text: float | None = None,
        utility_floor: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Sculpt a succeeded job's patch again, without the subject's data: a new job.

        Give `k`, or `k_image` and `k_text`, or the `utility_floor` above which the strongest forgetting is chosen.
        """
        options = {"k": k, "k_image": k_image, "k_text": k_text, "utility_floor": utility_floor}
        chosen = {name: value for name, value in options.items() if value is not None}
        answer = self._transport.json(
            "POST", f"/v1/jobs/{job_id}/sculpt", json=chosen, idempotency_key=idempotency_key or uuid.uuid4().hex
        )
        return Job.bind(self, answer)

    def delete(self, job_id: str) -> None:
        """Erase inputs and artefacts now; a tombstone stays."""
        self._transport.request("DELETE", f"/v1/jobs/{job_id}")

    def artifacts(self, job_id: str) -> Artifacts:
        """The files that the job made."""
        return [*iterate(self._transport, f"/v1/jobs/{job_id}/artifacts", {}, Artifact)]

    def download(
        self,
        job_id: str,
        path: str | Path = "patch.zip",
        *,
        artifact: str | None = None,
        accept_failed: bool = False,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Save the patch (or another artefact) under `path`, checked against the digest that the server holds."""
        target = Path(path)
        if artifact is not None:
            known = {item.name: item.sha256 for item in self.artifacts(job_id)}
            url = f"/v1/jobs/{job_id}/artifacts/{artifact}"
            download(self._transport, url, target, sha256=known.get(artifact), on_bytes=on_bytes)
            return target
        params = {"accept_failed": "true"} if accept_failed else {}
        download(self._transport, f"/v1/jobs/{job_id}/patch", target, params=params, on_bytes=on_bytes)
        return target

    def report(self, job_id: str) -> dict[str, Any]:
        """The evaluation report."""
        accept = {"Accept": "application/json"}
        report: dict[str, Any] = self._transport.json("GET", f"/v1/jobs/{job_id}/report", headers=accept)
        return report

    def report_html(self, job_id: str) -> str:
        """The report as one self-contained page."""
        return self._transport.request("GET", f"/v1/jobs/{job_id}/report", headers={"Accept": "text/html"}).text

    def certificate(self, job_id: str) -> dict[str, Any]:
        """The signed record of what was done."""
        certificate: dict[str, Any] = self._transport.json("GET", f"/v1/jobs/{job_id}/certificate")
        return certificate

    def certificate_bytes(self, job_id: str) -> bytes:
        """The same, byte by byte as the server sent it."""
        return self._transport.request("GET", f"/v1/jobs/{job_id}/certificate").content
