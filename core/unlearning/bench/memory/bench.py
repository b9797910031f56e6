"""A whole benchmark: choose options where asked to, run every case, write the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory import tuning
from core.unlearning.bench.memory.cases import RATIOS, Case, cases, contenders
from core.unlearning.bench.memory.output import manifest_of, write_all
from core.unlearning.bench.memory.reference_world import TEST
from core.unlearning.bench.memory.results import Result, claim
from core.unlearning.bench.memory.run import OnCase, run
from core.unlearning.bench.memory.setup import Setup
from core.unlearning.bench.memory.summary import Row
from core.unlearning.bench.memory.world import drawn
from core.unlearning.jobs.work import validate_options
from core.unlearning.patches.digest import base_digest

CHOSEN = "chosen.json"
"""In the work folder: what was chosen for this model there."""
TITLE = "What methods do to the memory of a multimodal language model"


@dataclass(frozen=True)
class Bench:
    """`names`: of contenders; none are all. `options`: by contender, over what was chosen. `command`: what ran this."""

    setup: Setup
    names: Sequence[str] = ()
    ratios: Sequence[int] = RATIOS
    seeds: Sequence[int] = (0, 1, 2)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    processes: int = 1
    command: str = ""

    def __post_init__(self) -> None:
        unknown = sorted({*self.names, *self.options} - set(contenders()))
        if unknown:
            raise ValueError(f"no method {unknown[0]!r}; there is: {', '.join(contenders())}")

    def tuning(self) -> list[Case]:
        """What is run to choose options."""
        return list(tuning.tuning_cases(self._chosen_names, _width(self.setup.model)))

    def tune(self, on_case: OnCase) -> None:
        """Choose, and keep what is chosen in the work folder."""
        digest = self._claim()
        results = run(self.setup, self.tuning(), on_case, self.processes)
        tuning.write_chosen(self.setup.work / CHOSEN, digest, results)

    def planned(self) -> list[Case]:
        """What is run, with the options that were chosen in the work folder, or else for the bundled model.

        Raises `InvalidInputError` for options that a method does not have.
        """
        digest = self._claim()
        chosen = {
            **tuning.options_chosen(tuning.CHOSEN, digest),
            **tuning.options_chosen(self.setup.work / CHOSEN, digest),
        }
        names = dict.fromkeys([*chosen, *self.options])
        options = {name: {**chosen.get(name, {}), **self.options.get(name, {})} for name in names}
        planned = list(cases(self._chosen_names, options, self.ratios, self.seeds))
        for case in planned:
            validate_options(case.method, self.setup.spec(), case.options)
        return planned

    def run(self, on_case: OnCase) -> tuple[list[Result], list[Row]]:
        """Run what is planned, and write the work folder's tables. Raises as `check`, `planned` and `run.run` do."""
        self.check()
        results = run(self.setup, self.planned(), on_case, self.processes)
        return results, write_all(self.setup, results, self.manifest(), TITLE)

    def check(self) -> None:
        """Raises `InvalidInputError` for data that cannot be read, `ValueError` where too few people are in it."""
        world = self.setup.world(0)
        for ratio in self.ratios:
            drawn(world, ratio, 0)

    def manifest(self) -> dict[str, Any]:
        """What makes the same numbers again."""
        return manifest_of(self.setup, base_digest(self.setup.model), self.planned(), self.command)

    @property
    def _chosen_names(self) -> list[str]:
        return list(self.names or contenders())

    def _claim(self) -> str:
        digest = base_digest(self.setup.model)
        claim(self.setup, digest)
        return digest


def read_options(path: Path) -> dict[str, dict[str, Any]]:
    """Options by contender. Raises `ValueError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise ValueError(f"{path} must hold one object, of a method's options by its name")
    return found


def build_oracle(work: Path, on_progress: Any = None) -> Path:
    """The reference world's model trained without the people who may be forgotten; read where it is there already."""
    from core.unlearning.reference.mllm.build import build

    folder = work / "oracle"
    if not (folder / "config.json").is_file():
        build(folder, 0, on_progress, excluded=frozenset(TEST), half=True)
    return folder


def _width(model: str) -> int:
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(model).get_text_config().hidden_size)
