"""Rows as the first release left them: a job of each status, and what belongs to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = "0001"
START = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
DIGEST = "ab" * 32
RENAMED = {"audit_log": "audit_entries"}
RENUMBERED = {"seq"}
"""Columns that gave rows an order, and were replaced by others that do."""
ERROR = {"code": "out_of_memory", "message": "No room.", "retryable": True, "attempt": 3}


def at(minutes: float) -> datetime:
    """A moment after the start."""
    return START + timedelta(minutes=minutes)


def _job(number: int, status: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"job_{number}",
        "tenant_id": "acme",
        "created_by": "key_1",
        "version": 3,
        "status": status,
        "model": "tiny",
        "method": "smfa",
        "plan": {"method": "smfa", "options": {"rank": 8}},
        "external_id": f"DSR-{number}",
        "metadata": {"ticket": str(number)},
        "parent_id": None,
        "created_at": at(number),
        "expires_at": at(130_000),
        "attempt": 0,
        "max_attempts": 3,
        "lost_attempts": 0,
        "ring_at": at(number),
        "rings": 1,
        "lease_token": 0,
        "step": 0,
        "fraction": 0.0,
        "event_seq": 1,
        "input_images": 0,
        "wrapped_key": b"\x01\x02",
        **changes,
    }


def _running() -> dict[str, Any]:
    lease = {"lease_owner": "host:1", "lease_token": 1, "lease_expires_at": at(20), "phase": "training"}
    return _job(2, "running", started_at=at(3), attempt=1, step=5, total_steps=10, fraction=0.5, loss=0.25, **lease)


def _deleted() -> dict[str, Any]:
    gone = {
        "deleted_at": at(30),
        "inputs_erased_at": at(30),
        "cleaned_at": at(31),
        "erased_artifacts": {"patch.zip": 7},
    }
    return _job(5, "cancelled", external_id=None, wrapped_key=None, finished_at=at(6), parent_id="job_3", **gone)


ROWS: dict[str, list[dict[str, Any]]] = {
    "tenants": [{"id": "acme", "name": "Acme", "created_at": START}],
    "models": [
        {"id": "tiny", "family": "mllm", "source": "/models/tiny", "defaults": {"rank": 4}, "created_at": START},
    ],
    "api_keys": [
        {
            "id": "key_1",
            "tenant_id": "acme",
            "name": "first",
            "digest": b"\x00" * 32,
            "scopes": ["jobs:read"],
            "created_at": START,
            "last_used_at": at(1),
        }
    ],
    "files": [
        {
            "id": "file_1",
            "tenant_id": "acme",
            "purpose": "forget",
            "size": 5_000_000_000,
            "media_type": "image/png",
            "width": 4,
            "height": 4,
            "sha256": DIGEST,
            "wrapped_key": b"\x03",
            "created_at": START,
            "expires_at": at(1440),
        }
    ],
    "jobs": [
        _job(1, "queued"),
        _running(),
        _job(3, "succeeded", finished_at=at(9), attempt=1, verdict="passed", evaluation={"splits": {}}, fraction=1.0),
        _job(4, "failed", finished_at=at(9), attempt=3, error=ERROR),
        _deleted(),
    ],
    "job_files": [{"job_id": "job_1", "file_id": "file_1"}],
    "job_events": [
        {
            "id": f"evt_{number}",
            "job_id": f"job_{number}",
            "seq": 1,
            "type": "status",
            "created_at": at(number),
            "data": {"status": "queued"},
        }
        for number in range(1, 6)
    ],
    "artifacts": [
        {
            "job_id": "job_3",
            "name": "patch.zip",
            "attempt": 1,
            "media_type": "application/zip",
            "size": 7,
            "sha256": DIGEST,
            "storage_key": "jobs/job_3/attempts/1/patch.zip",
        }
    ],
    "idempotency_keys": [
        {
            "tenant_id": "acme",
            "key": "k1",
            "fingerprint": DIGEST,
            "created_at": START,
            "status": 202,
            "body": {"id": "job_1"},
            "headers": {"Location": "/v1/jobs/job_1"},
            "resource_id": "job_1",
        }
    ],
    "audit_log": [
        {
            "seq": number,
            "tenant_id": "acme",
            "at": at(number),
            "actor": "key_1",
            "action": "job.created",
            "resource": f"job_{number}",
            "details": {},
        }
        for number in (1, 2)
    ],
}
