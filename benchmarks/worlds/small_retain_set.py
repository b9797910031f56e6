"""A small retain set for the multimodal reference model: a few rows of each kind that the bundled one has."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

from core.unlearning import reference

_ROWS = 4
"""Of each group and part, with and without a picture, at least."""


def write(folder: Path) -> Path:
    """Write the rows and their pictures into `folder`, evenly spaced over the rows of each kind."""
    whole = reference.bundled_path("mllm").parent / "retain_set"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    kinds: dict[tuple[str, str, bool], list[dict[str, str]]] = defaultdict(list)
    for line in (whole / "examples.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kinds[row["group"], row["part"], row.get("image") is not None].append(row)
    chosen = [row for rows in kinds.values() for row in rows[:: max(1, len(rows) // _ROWS)]]
    for image in {row["image"] for row in chosen if row.get("image")}:
        shutil.copyfile(whole / image, folder / image)
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    return folder
