"""From measurements to bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean, stdev
from typing import Any

from benchmarks.bars import Bar
from benchmarks.pretrained.measure import drop, overlap, told
from benchmarks.pretrained.runs import Run

Measured = Mapping[str, Any]
"""Of one job: `before`, `after`, `oracle` (where there is one), `seconds`."""
_SEEN = {
    "others_image": ("other taught people, by picture: drop", 0.05),
    "others_text": ("other taught people, by name: drop", 0.03),
    "visible": ("what is visible: drop", 0.01),
}
_ANY = {"general": ("general questions: drop", 0.02), "figures": ("public figures: drop", 0.02)}


def vision_bars(jobs: Sequence[Measured], prefix: str, *, leak: float = 0.03, loss: float | None = None) -> list[Bar]:
    """Of jobs on smollm2-vision. `loss`: one bound for all drops, in the place of each one's own."""
    table = [
        _bar(f"{prefix}before: {name}", jobs, partial(_told_before, group), 0.95, ">=")
        for group, name in (("image", "facts by picture"), ("text", "facts by name"), ("visible", "what is visible"))
    ]
    above = ", above the oracle's" if all("oracle" in job for job in jobs) else ""
    for group, name in (("image", "by picture"), ("text", "by name")):
        title = f"{prefix}facts leaked {name}{above}"
        table.append(_bar(title, jobs, partial(_above_oracle, group), leak))
    for group, (name, bound) in {**_SEEN, **_ANY}.items():
        bound = bound if loss is None else loss
        table.append(_bar(prefix + name, jobs, partial(_drop, group), bound))
    return [*table, *_text_bars(jobs, prefix)]


def llm_bars(jobs: Sequence[Measured]) -> list[Bar]:
    """Of public figures forgotten by name."""
    prefix = "public figures in `llm`: "
    return [
        _bar(f"{prefix}facts told before", jobs, partial(_told_before, "text"), None, ">="),
        _bar(f"{prefix}facts leaked", jobs, lambda job: told(job["after"], "text"), 0.05),
        _bar(f"{prefix}neighbours' facts: drop", jobs, partial(_drop, "figures"), 0.05),
        _bar(f"{prefix}general questions: drop", jobs, partial(_drop, "general"), None),
        *_text_bars(jobs, prefix),
    ]


def time_bar(name: str, jobs: Sequence[Measured], bound: float) -> Bar:
    """The longest job."""
    return Bar(name, max(job["seconds"] for job in jobs), bound, n=len(jobs), note=f"largest of {len(jobs)} jobs")


def not_known_bar(runs: Mapping[str, bool]) -> Bar:
    """Requests that ended with `not_known`, of those that had to."""
    wrong = "; ".join(name for name, ended in runs.items() if not ended)
    return Bar("random weights, unknown people: `not_known`", fmean(runs.values()), 1.0, ">=", n=len(runs), note=wrong)


def groups_with(jobs: Mapping[str, Measured], groups: Mapping[str, Sequence[Run]]) -> dict[str, list[Measured]]:
    """The measured jobs of each group."""
    return {name: [jobs[run.name] for run in runs if run.name in jobs] for name, runs in groups.items()}


def _text_bars(jobs: Sequence[Measured], prefix: str) -> list[Bar]:
    return [
        _bar(f"{prefix}perplexity of an English text: times", jobs, _perplexity, 1.01),
        _bar(
            f"{prefix}open prompts: words as before", jobs, lambda job: overlap(job["before"], job["after"]), None, ">="
        ),
    ]


def _perplexity(job: Measured) -> float:
    return float(job["after"]["perplexity"] / job["before"]["perplexity"])


def _told_before(group: str, job: Measured) -> float:
    return told(job["before"], group)


def _drop(group: str, job: Measured) -> float:
    return drop(job["before"], job["after"], group)


def _above_oracle(group: str, job: Measured) -> float:
    known = told(job["oracle"], group) if "oracle" in job else 0.0
    return max(0.0, told(job["after"], group) - known)


def _bar(
    name: str, jobs: Sequence[Measured], value: Callable[[Measured], float], bound: float | None, direction: str = "<="
) -> Bar:
    values = [value(job) for job in jobs]
    spread = stdev(values) if len(values) > 1 else None
    way: Any = direction
    return Bar(name, fmean(values), bound, way, spread, len(values), f"mean of {len(values)} jobs")


def shares(job: Measured) -> dict[str, Any]:
    """A job's measurements without the answers."""
    return {name: _shares(value) if isinstance(value, dict) else value for name, value in job.items()}


def _shares(measured: Measured) -> dict[str, Any]:
    groups = {group: told(measured, group) for group, found in measured.items() if "told" in _mapping(found)}
    return {**groups, "perplexity": measured["perplexity"]}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
