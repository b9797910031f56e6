"""Runs cases and keeps each one's result in a file, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from core.unlearning.concept_bench import attacks
from core.unlearning.concept_bench.cases import CONTENDERS, Case
from core.unlearning.concept_bench.grid import strip
from core.unlearning.concept_bench.jobs import data_of, pictures_of, run_method
from core.unlearning.concept_bench.measure import measured, numbers
from core.unlearning.concept_bench.patched import PATCH, under_patch
from core.unlearning.concept_bench.scores import Scores
from core.unlearning.families.diffusion.evaluation.compare import compared
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.evaluation.specificity import with_responses
from core.unlearning.families.diffusion.eyes import Eyes
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.progress import Progress
from core.unlearning.types import JobData, Level

_ATTACKER = 2_000_000
"""The pictures that an attacker has are none of the request's: their seeds are elsewhere."""
Result = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is benchmarked, and where results are kept. `options`: a method's own, instead of its defaults."""

    model: DiffusionModel
    eyes: Eyes
    retain_set: Path
    work: Path
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attacked_seeds: Sequence[int] = (0,)
    """Seeds whose cases are also attacked."""
    attacked: Sequence[str] | None = None
    """Targets that are attacked; None: all."""
    scored: Sequence[str] = ()
    """Targets whose M-Score is measured too, in cases that are attacked."""

    def run(self, cases: Sequence[Case], progress: Progress, on_case: Callable[[Case, Result], None]) -> list[Result]:
        """Every case's result; those that are in a file already are read."""
        self.work.mkdir(parents=True, exist_ok=True)
        found: list[Result] = []
        for _, members in groupby(cases, key=lambda case: case.group):
            group = list(members)
            if any(not self._file(case).is_file() for case in group):
                self._run_group(group, progress)
            for case in group:
                found.append(json.loads(self._file(case).read_text()))
                on_case(case, found[-1])
        return found

    def _run_group(self, group: Sequence[Case], progress: Progress) -> None:
        first = group[0]
        data = data_of(self.model, first, self.retain_set)
        before = measured(self.model, self.eyes, data.test, first.seed, self._level(first))
        for case in group:
            if not self._file(case).is_file():
                result = self._run_case(case, data, before, progress)
                partial = self._file(case).with_suffix(".part")
                partial.write_text(json.dumps(result, indent=1) + "\n")
                os.replace(partial, self._file(case))

    def _run_case(self, case: Case, data: JobData, before: PictureEvaluation, progress: Progress) -> Result:
        method = CONTENDERS[case.contender].method
        done = run_method(self.model, case, data, self.options.get(method, {}), self.work / case.name, progress)
        pictures = self._attackers_pictures(data) if self._attacks(case) else []
        with under_patch(self.model, done.adapter) as patched:
            after = compared(before, measured(patched, self.eyes, data.test, case.seed, self._level(case)))
            after = replace(after, splits=with_responses(patched.pipe, PATCH, data.test, after.splits))
            found = numbers(before, after)
            if self._attacks(case):
                found["attacks"] |= self._attacked(patched, case, data, pictures)
        if self._attacks(case) and case.targets[0] in self.scored:
            found["m_score"] = self._scores.compared(done.adapter, case.targets[0], case.kind)
        if case.seed == min(self.attacked_seeds, default=0):
            strip(before, after).save(self.work / f"{case.name}.png")
        return {
            "case": case.name,
            "contender": case.contender,
            "kind": case.kind,
            "targets": list(case.targets),
            "seed": case.seed,
            "seconds": done.seconds,
            "processor_seconds": done.processor_seconds,
            "bytes": done.size,
            **found,
            "details": dict(done.details),
        }

    def _attacked(
        self, patched: DiffusionModel, case: Case, data: JobData, pictures: Sequence[Any]
    ) -> dict[str, float]:
        name, eyes = case.targets[0], self.eyes.on(data.test)
        prompts = [e.question for e in data.test if e.split == "forget_concept"]
        return {
            "inverted_words": attacks.inverted(patched, eyes, data, pictures, case.seed),
            "noised_pictures": attacks.drawn_on(patched, eyes, name, prompts, pictures),
        }

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self.model, self.eyes, self.retain_set)

    def _attackers_pictures(self, data: JobData) -> list[Any]:
        """Drawn by the unchanged model: to be called before there is a patch."""
        return pictures_of(self.model, data, _ATTACKER)

    def _attacks(self, case: Case) -> bool:
        chosen = self.attacked is None or case.targets[0] in self.attacked
        return chosen and case.seed in self.attacked_seeds and len(case.targets) == 1

    def _level(self, case: Case) -> Level:
        return "thorough" if self._attacks(case) else "standard"

    def _file(self, case: Case) -> Path:
        return self.work / f"{case.name}.json"
