"""Writes a benchmark's tables into its work folder."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory import leaderboard
from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.results import empty_result
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.memory.summary import LeaderboardRow, leaderboard_rows, tidy_records
from core.unlearning.bench.store import Result, ResultStore
from core.version import VERSION

MANIFEST = "manifest.json"
MARKDOWN, PAGE = "leaderboard.md", "leaderboard.html"
_PACKAGES = ("torch", "transformers", "peft", "numpy")
_REFERENCE_MODELS = {"before": "unchanged model", "oracle": "oracle (never learned)"}
"""Models without a patch, below the ranked rows: prefix of their stored names, title."""


def build_manifest(setup: MemorySetup, digest: str, cases: Sequence[MemoryCase], command: str) -> dict[str, Any]:
    """What is needed to reproduce the numbers."""
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "digest": digest,
        "setup": {**asdict(setup), "judge": setup.judge and {"url": setup.judge.url, "model": setup.judge.model}},
        "versions": _versions(),
        "cases": [{**asdict(case), "options": {**case.options, "seed": case.seed}} for case in cases],
    }


def write_outputs(
    setup: MemorySetup, results: Sequence[Result], manifest: Mapping[str, Any], title: str
) -> list[LeaderboardRow]:
    """Write `results.json`, `leaderboard.md`, `leaderboard.html` and `manifest.json`; the leaderboard's rows."""
    references = list(_references(setup, results))
    ranked, unranked = leaderboard_rows(results), leaderboard_rows(references)
    records = [*tidy_records(results), *tidy_records(references)]
    ResultStore(setup.work).write("results", {"records": records, "cases": list(results)})
    _text(setup.work / MANIFEST, json.dumps(manifest, indent=1, default=str) + "\n")
    _text(setup.work / MARKDOWN, leaderboard.markdown(ranked, unranked, title))
    _text(setup.work / PAGE, leaderboard.page(ranked, unranked, title, manifest))
    return ranked


def _references(setup: MemorySetup, results: Sequence[Result]) -> Iterator[Result]:
    """The unchanged model and the oracle of each group, in the form of results."""
    cases = [MemoryCase(r["contender"], r["method"], r["options"], r["ratio"], r["seed"], r["role"]) for r in results]
    groups = {case.group: case for case in cases}
    for name, title in _REFERENCE_MODELS.items():
        for group, case in groups.items():
            records = setup.store.read(setup.shared_name(f"{name}.{group}"))
            if records is not None:
                made = MemoryCase(title, name, {}, case.ratio, case.seed, case.role)
                yield empty_result(made) | {"records": records}


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in _PACKAGES}
    return {"lethe": VERSION} | libraries | {"python": platform.python_version()}


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
