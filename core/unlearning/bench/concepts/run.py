"""Runs cases and keeps each one's result in a file, so that an interrupted run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from core.unlearning.bench.concepts import attacks
from core.unlearning.bench.concepts.cases import CONTENDERS, Case
from core.unlearning.bench.concepts.contact_sheet import strip
from core.unlearning.bench.concepts.jobs import Done, data_of, pictures_of, run_method
from core.unlearning.bench.concepts.m_scores import Scores
from core.unlearning.bench.concepts.measure import measured, numbers
from core.unlearning.bench.concepts.patched import PATCH, under_patch
from core.unlearning.bench.concepts.results import Kept
from core.unlearning.bench.concepts.summary import Result
from core.unlearning.families.diffusion.evaluation.compare import compared
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.evaluation.specificity import with_responses
from core.unlearning.families.diffusion.eyes import Eyes
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.progress import Progress
from core.unlearning.types import JobData, Level

_ATTACKER = 2_000_000
"""What an attacker has is none of the job's: the seeds of its pictures and of its search are elsewhere."""
_SEARCHED = "inverted_words"


@dataclass(frozen=True)
class Bench:
    """What is benchmarked, and where results are kept. `options`: a method's own, instead of its defaults."""

    model: DiffusionModel
    eyes: Eyes
    retain_set: Path
    work: Path
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attacked_seeds: Sequence[int] = (0,)
    """Seeds whose cases are also attacked, beside those of contenders that are with every seed."""
    attacked: Sequence[str] | None = None
    """Targets that are attacked; None: all."""
    scored: Sequence[str] = ()
    """Targets whose M-Score is measured too, in cases that are attacked."""

    def run(self, cases: Sequence[Case], progress: Progress, on_case: Callable[[Case, Result], None]) -> list[Result]:
        """Every case's result. Those in the folder are read; what they lack is measured on the patch that is there."""
        self.work.mkdir(parents=True, exist_ok=True)
        found: list[Result] = []
        for _, members in groupby(cases, key=lambda case: case.group):
            group = list(members)
            if not all(self._is_measured(case) for case in group):
                self._measure(group, progress)
            for case in group:
                if self._lacks_score(case):
                    self._score(case, progress)
                found.append(self._kept.result(case))
                on_case(case, found[-1])
        return found

    def _measure(self, group: Sequence[Case], progress: Progress) -> None:
        first = group[0]
        data = data_of(self.model, first, self.retain_set)
        before = measured(self.model, self.eyes, data.test, first.seed, self._level(first))
        for case in group:
            if not self._is_measured(case):
                done = self._job(case, data, progress)
                found = self._measured(case, done, data, before)
                scored = {name: value for name, value in self._kept.result(case).items() if name == "m_score"}
                self._kept.keep(case, _result(case, done, {**found, **scored}))

    def _job(self, case: Case, data: JobData, progress: Progress) -> Done:
        """A method is not run again where only a measurement is missing."""
        options = self.options.get(CONTENDERS[case.contender].method, {})
        return self._kept.job(case) or run_method(self.model, case, data, options, self.work / case.name, progress)

    def _measured(self, case: Case, done: Done, data: JobData, before: PictureEvaluation) -> Result:
        pictures = self._attackers_pictures(data) if self._attacks(case) else []
        with under_patch(self.model, done.adapter) as patched:
            after = compared(before, measured(patched, self.eyes, data.test, case.seed, self._level(case)))
            after = replace(after, splits=with_responses(patched.pipe, PATCH, data.test, after.splits))
            found = numbers(before, after)
            if self._attacks(case):
                found["attacks"] |= self._attacked(patched, case, data, pictures)
        if case.seed == min(self.attacked_seeds, default=0):
            strip(before, after).save(self.work / f"{case.name}.png")
        return found

    def _score(self, case: Case, progress: Progress) -> None:
        done = self._job(case, data_of(self.model, case, self.retain_set), progress)
        score = self._scores.compared(done.adapter, case.targets[0], case.kind)
        self._kept.keep(case, {**self._kept.result(case), "m_score": score})

    def _attacked(
        self, patched: DiffusionModel, case: Case, data: JobData, pictures: Sequence[Any]
    ) -> dict[str, float]:
        name, eyes = case.targets[0], self.eyes.on(data.test)
        prompts = [e.question for e in data.test if e.split == "forget_concept"]
        return {
            _SEARCHED: attacks.inverted(patched, eyes, data, pictures, _ATTACKER + case.seed),
            "noised_pictures": attacks.drawn_on(patched, eyes, name, prompts, pictures),
        }

    @property
    def _kept(self) -> Kept:
        return Kept(self.work)

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self.model, self.eyes, self.retain_set)

    def _attackers_pictures(self, data: JobData) -> list[Any]:
        """Drawn by the unchanged model: to be called before there is a patch."""
        return pictures_of(self.model, data, _ATTACKER)

    def _attacks(self, case: Case) -> bool:
        chosen = self.attacked is None or case.targets[0] in self.attacked
        asked = case.seed in self.attacked_seeds or CONTENDERS[case.contender].pressed
        return chosen and asked and len(case.targets) == 1

    def _level(self, case: Case) -> Level:
        return "thorough" if self._attacks(case) else "standard"

    def _is_measured(self, case: Case) -> bool:
        result = self._kept.result(case)
        return bool(result) and (not self._attacks(case) or _SEARCHED in result["attacks"])

    def _lacks_score(self, case: Case) -> bool:
        asked = self._attacks(case) and case.targets[0] in self.scored
        return asked and "m_score" not in self._kept.result(case)


def _result(case: Case, done: Done, found: Mapping[str, Any]) -> Result:
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
