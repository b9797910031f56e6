"""The reference model under another registration, whose retain set is small: for jobs that matter as jobs."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

import httpx

from core.unlearning import reference

SMALL = "small-mllm"
_ROWS = 4
"""Of each group and part, with and without a picture."""


def model_roots(folder: Path) -> str:
    """The setting that allows the registration."""
    return f"{reference.bundled_path('mllm').parent}:{folder}"


def register(client: httpx.Client, folder: Path) -> None:
    """As an administrator does it; once more changes nothing."""
    body = {
        "id": SMALL,
        "family": "mllm",
        "source": str(reference.bundled_path("mllm")),
        "retain_set": str(_retain_set(folder / "retain_set")),
    }
    client.post("/v1/models", json=body).raise_for_status()


def _retain_set(folder: Path) -> Path:
    """Rows of each kind of the model's own, from its first to its last."""
    whole = reference.bundled_path("mllm").parent / "retain_set"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    kinds: dict[tuple[str, str, bool], list[dict[str, str]]] = defaultdict(list)
    for line in (whole / "examples.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kinds[row["group"], row["part"], row.get("image") is not None].append(row)
    kept = [row for rows in kinds.values() for row in rows[:: max(1, len(rows) // _ROWS)]]
    for image in {row["image"] for row in kept if row.get("image")}:
        shutil.copyfile(whole / image, folder / image)
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return folder
