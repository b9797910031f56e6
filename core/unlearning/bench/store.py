"""Results as JSON files in a folder, one for each measurement, so that an interrupted run resumes where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = dict[str, Any]
"""A case's result, by key."""


@dataclass(frozen=True)
class ResultStore:
    """`<name>.json` in `folder` for each name; values are JSON values."""

    folder: Path

    def path(self, name: str) -> Path:
        """The file of that name, whether or not it exists."""
        return self.folder / f"{name}.json"

    def read(self, name: str) -> Any:
        """The stored value; None where there is none."""
        path = self.path(name)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def read_all(self, pattern: str) -> list[Any]:
        """The values whose names match a glob pattern, in the order of their names."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.folder.glob(f"{pattern}.json"))]

    def write(self, name: str, value: Any) -> None:
        """Replace the file atomically: a reader sees the old value or the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}.{os.getpid()}.part"
        partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.path(name))

    def read_or_measure(self, name: str, measure: Callable[[], Any]) -> Any:
        """The stored value, or else what `measure` returns, stored first."""
        if not self.path(name).is_file():
            self.write(name, measure())
        return self.read(name)
