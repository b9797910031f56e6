"""One form of table for every benchmark: a row for each bar, as JSON and Markdown, checked by exit code."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Bar:
    """A measured value and its bound. `bound` None: reported without one."""

    name: str
    value: float
    bound: float | None = None
    direction: Literal["<=", ">="] = "<="
    spread: float | None = None
    """Standard deviation over seeds, where there are several."""
    n: int | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value is within the bound; None where there is none."""
        if self.bound is None:
            return None
        return self.value <= self.bound if self.direction == "<=" else self.value >= self.bound


def _row(bar: Bar) -> str:
    value = f"{bar.value:.4g}" + (f" ± {bar.spread:.2g}" if bar.spread is not None else "")
    bound = "reported" if bar.bound is None else f"{bar.direction} {bar.bound:g}"
    met = {None: "–", True: "yes", False: "**no**"}[bar.met]
    return f"| {bar.name} | {value} | {bound} | {met} | {bar.note} |"


def markdown(title: str, bars: Sequence[Bar], text: str = "") -> str:
    """The table as Markdown, below a title and a text."""
    head = f"# {title}\n\n{text}\n\n| what | value | bar | met | note |\n|---|---|---|---|---|\n"
    return head + "\n".join(_row(bar) for bar in bars) + "\n"


def environment() -> dict[str, Any]:
    """Versions and number of cores, without names of machines."""
    packages = ("torch", "transformers", "peft", "numpy")
    versions = {name: metadata.version(name) for name in packages}
    return {"python": platform.python_version(), "cores": os.cpu_count(), **versions}


def publish(
    name: str, title: str, bars: Sequence[Bar], *, text: str = "", raw: Mapping[str, Any] | None = None
) -> bool:
    """Write `results/<name>.json` and `.md`, print the table, and say whether every bar is met."""
    RESULTS.mkdir(exist_ok=True)
    rows = [asdict(bar) | {"met": bar.met} for bar in bars]
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "bars": rows,
        "raw": raw or {},
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    table = markdown(title, bars, text)
    (RESULTS / f"{name}.md").write_text(table)
    sys.stdout.write(table)
    return all(bar.met is not False for bar in bars)
