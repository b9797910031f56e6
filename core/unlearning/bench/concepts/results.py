"""What runs leave in a folder: each case's result and its patch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from core.unlearning.bench.concepts.cases import Case
from core.unlearning.bench.concepts.jobs import Done
from core.unlearning.bench.concepts.summary import Result


@dataclass(frozen=True)
class Kept:
    """A benchmark's folder."""

    folder: Path

    def result(self, case: Case) -> Result:
        """Empty where there is none yet."""
        file = self._file(case)
        found: Result = json.loads(file.read_text()) if file.is_file() else {}
        return found

    def job(self, case: Case) -> Done | None:
        """The job of a case that has a result: None where there is none, or where its patch is gone."""
        result, adapter = self.result(case), self.folder / case.name / "adapter"
        if not result or not adapter.is_dir():
            return None
        return Done(adapter, result["seconds"], result["processor_seconds"], result["bytes"], result["details"])

    def keep(self, case: Case, result: Result) -> None:
        """Whole or not at all."""
        partial = self._file(case).with_suffix(".part")
        partial.write_text(json.dumps(result, indent=1) + "\n")
        os.replace(partial, self._file(case))

    def _file(self, case: Case) -> Path:
        return self.folder / f"{case.name}.json"
