"""The reference model under another registration, whose retain set is small: for jobs that matter as jobs."""

from __future__ import annotations

from pathlib import Path

import httpx

from benchmarks.worlds import small_retain_set
from core.unlearning import reference

SMALL = "small-mllm"


def model_roots(folder: Path) -> str:
    """The setting that allows the registration."""
    return f"{reference.bundled_path('mllm').parent}:{folder}"


def register(client: httpx.Client, folder: Path) -> None:
    """As an administrator does it; once more changes nothing."""
    body = {
        "id": SMALL,
        "family": "mllm",
        "source": str(reference.bundled_path("mllm")),
        "retain_set": str(small_retain_set.write(folder / "retain_set")),
    }
    client.post("/v1/models", json=body).raise_for_status()
