"""Writes what a benchmark leaves in its work folder."""

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
from core.unlearning.bench.memory.cases import Case
from core.unlearning.bench.memory.results import Result, new_result, path_of, write
from core.unlearning.bench.memory.setup import Setup
from core.unlearning.bench.memory.summary import Row, rows, tidy
from core.version import VERSION

RESULTS, MANIFEST = "results.json", "manifest.json"
MARKDOWN, PAGE = "leaderboard.md", "leaderboard.html"
_PACKAGES = ("torch", "transformers", "peft", "numpy")
_BESIDE = {"before": "unchanged model", "oracle": "oracle (never learned)"}
"""What the methods are compared with: how its files begin, and what it is called."""


def manifest_of(setup: Setup, digest: str, cases: Sequence[Case], command: str) -> dict[str, Any]:
    """What makes the same numbers again."""
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "digest": digest,
        "setup": {**asdict(setup), "judge": setup.judge and {"url": setup.judge.url, "model": setup.judge.model}},
        "versions": _versions(),
        "cases": [{**asdict(case), "options": {**case.options, "seed": case.seed}} for case in cases],
    }


def write_all(setup: Setup, results: Sequence[Result], manifest: Mapping[str, Any], title: str) -> list[Row]:
    """`results.json`, `leaderboard.md`, `leaderboard.html` and `manifest.json`; gives the leaderboard's rows."""
    references = list(_references(setup, results))
    ranked, beside = rows(results), rows(references)
    write(setup.work / RESULTS, {"records": [*tidy(results), *tidy(references)], "cases": list(results)})
    _text(setup.work / MANIFEST, json.dumps(manifest, indent=1, default=str) + "\n")
    _text(setup.work / MARKDOWN, leaderboard.markdown(ranked, beside, title))
    _text(setup.work / PAGE, leaderboard.page(ranked, beside, title, manifest))
    return ranked


def _references(setup: Setup, results: Sequence[Result]) -> Iterator[Result]:
    """The unchanged model and the oracle of each group, like results."""
    cases = [Case(r["contender"], r["method"], r["options"], r["ratio"], r["seed"], r["role"]) for r in results]
    groups = {case.group: case for case in cases}
    for name, title in _BESIDE.items():
        for group, case in groups.items():
            shared = f"{name}.{group}"
            path = path_of(setup.work, f"{shared}.judged" if setup.judge else shared)
            if path.is_file():
                made = Case(title, name, {}, case.ratio, case.seed, case.role)
                yield new_result(made) | {"records": json.loads(path.read_text(encoding="utf-8"))}


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in _PACKAGES}
    return {"lethe": VERSION} | libraries | {"python": platform.python_version()}


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
