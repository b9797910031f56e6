"""Runs and measures the cases of one group: their data and the unchanged model's pictures are made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from core.unlearning.bench.concepts import attacks
from core.unlearning.bench.concepts.cases import ConceptCase
from core.unlearning.bench.concepts.contact_sheet import comparison_strip
from core.unlearning.bench.concepts.jobs import PATCH, build_case_data, draw_target, run_method, under_patch
from core.unlearning.bench.concepts.m_scores import MScores
from core.unlearning.bench.concepts.measure import case_numbers, evaluate_pipeline
from core.unlearning.bench.concepts.results import INVERSION, case_result, is_measured, stored_patch, stored_result
from core.unlearning.bench.concepts.setup import ConceptSetup
from core.unlearning.bench.patch import TrainedPatch
from core.unlearning.families.diffusion.evaluation.compare import compared
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.evaluation.specificity import with_responses
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.progress import Progress
from core.unlearning.types import JobData

_ATTACK_SEED = 2_000_000
"""First seed of an attacker's pictures and of its search: an attacker has none of the job's pictures."""


class Runner:
    """Writes results into the setup's store."""

    def __init__(self, setup: ConceptSetup, progress: Progress) -> None:
        self._setup = setup
        self._progress = progress

    def measure(self, group: Sequence[ConceptCase]) -> None:
        """Run and measure the cases of one group that are not measured yet."""
        data = build_case_data(self._setup.model, group[0], self._setup.retain_set)
        before = self._evaluate(self._setup.model, group[0], data)
        for case in group:
            if not is_measured(self._setup, case):
                patch = self._patch(case, data)
                numbers = self._measure_patch(case, patch, data, before)
                stored = stored_result(self._setup, case) or {}
                score = {name: value for name, value in stored.items() if name == "m_score"}
                self._setup.store.write(case.name, case_result(case, patch, {**numbers, **score}))

    def score(self, case: ConceptCase) -> None:
        """Add the M-Score to the case's result."""
        patch = self._patch(case, build_case_data(self._setup.model, case, self._setup.retain_set))
        score = self._scores.compare(patch.adapter, case.targets[0], case.kind)
        self._setup.store.write(case.name, {**(stored_result(self._setup, case) or {}), "m_score": score})

    def _patch(self, case: ConceptCase, data: JobData) -> TrainedPatch:
        """The stored patch: a method is not run again where only a measurement is missing."""
        return stored_patch(self._setup, case) or run_method(self._setup, case, data, self._progress)

    def _measure_patch(
        self, case: ConceptCase, patch: TrainedPatch, data: JobData, before: PictureEvaluation
    ) -> dict[str, Any]:
        setup = self._setup
        # Drawn by the unchanged model, so before the patch is loaded.
        pictures = draw_target(setup.model, data, _ATTACK_SEED) if setup.is_attacked(case) else []
        with under_patch(setup.model, patch.adapter) as patched:
            after = compared(before, self._evaluate(patched, case, data))
            after = replace(after, splits=with_responses(patched.pipe, PATCH, data.test, after.splits))
            numbers = case_numbers(before, after)
            if setup.is_attacked(case):
                numbers["attacks"] |= self._attack(patched, case, data, pictures)
        if case.seed == min(setup.attacked_seeds, default=0):
            comparison_strip(before, after).save(setup.work / f"{case.name}.png")
        return numbers

    def _evaluate(self, model: DiffusionModel, case: ConceptCase, data: JobData) -> PictureEvaluation:
        return evaluate_pipeline(model, self._setup.judges, data.test, case.seed, self._setup.level(case))

    def _attack(
        self, patched: DiffusionModel, case: ConceptCase, data: JobData, pictures: Sequence[Any]
    ) -> dict[str, float]:
        name, judges = case.targets[0], self._setup.judges.for_examples(data.test)
        prompts = [e.question for e in data.test if e.split == "forget_concept"]
        return {
            INVERSION: attacks.textual_inversion(patched, judges, data, pictures, _ATTACK_SEED + case.seed),
            "noised_pictures": attacks.noised_pictures(patched, judges, name, prompts, pictures),
        }

    @cached_property
    def _scores(self) -> MScores:
        return MScores(self._setup.model, self._setup.judges, self._setup.retain_set)
