"""The signed record of what a job did: ids, digests, numbers and times, and nothing of the subject."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.unlearning.patches.signing import Signer

SCHEMA = "lethe.certificate/1"


def build(
    report: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    *,
    patch_sha256: str,
    record: Mapping[str, str | int | None],
    signer: Signer,
) -> dict[str, Any]:
    """`record` is what the service knows of the request: its own id for it, when it came, which attempt this was."""
    document = {
        "schema": SCHEMA,
        "job_id": report["job_id"],
        **record,
        "model": report["model"],
        "base_digest": report["base_digest"],
        "method": report["method"],
        "patch_sha256": patch_sha256,
        "verdict": "passed" if report["verdict"]["passed"] else "failed",
        "evaluation": evaluation,
        "limits": report["limits"],
        "issued_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return signer.sign_document(document)
