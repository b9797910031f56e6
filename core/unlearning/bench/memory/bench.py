"""A whole benchmark: tune options on request, run every case, write the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory import tuning
from core.unlearning.bench.memory.cases import RATIOS, MemoryCase, cases, contenders
from core.unlearning.bench.memory.output import build_manifest, write_outputs
from core.unlearning.bench.memory.reference_world import TEST
from core.unlearning.bench.memory.results import claim_folder
from core.unlearning.bench.memory.run import OnCase, run
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.memory.summary import LeaderboardRow
from core.unlearning.bench.memory.world import sample_people
from core.unlearning.bench.store import Result
from core.unlearning.jobs.work import validate_options
from core.unlearning.patches.digest import base_digest

TITLE = "What methods do to the memory of a multimodal language model"


@dataclass(frozen=True)
class MemoryBench:
    """`names`: contenders; empty: all. `options`: by contender, override tuned ones. `command`: what ran this."""

    setup: MemorySetup
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

    def tuning(self) -> list[MemoryCase]:
        """The cases by which options are chosen."""
        return list(tuning.tuning_cases(self._contenders, _width(self.setup.model)))

    def tune(self, on_case: OnCase) -> None:
        """Choose options, and store them in the work folder."""
        digest = self._claim()
        results = run(self.setup, self.tuning(), on_case, self.processes)
        tuning.write_chosen_options(self.setup.work, digest, results)

    def planned(self) -> list[MemoryCase]:
        """All cases, with options tuned in the work folder, or else those tuned for the bundled model.

        Raises `InvalidInputError` for options that a method does not have.
        """
        digest = self._claim()
        chosen = {
            **tuning.chosen_options(tuning.BUNDLED, digest),
            **tuning.chosen_options(self.setup.work, digest),
        }
        names = dict.fromkeys([*chosen, *self.options])
        options = {name: {**chosen.get(name, {}), **self.options.get(name, {})} for name in names}
        planned = list(cases(self._contenders, options, self.ratios, self.seeds))
        for case in planned:
            validate_options(case.method, self.setup.spec(), case.options)
        return planned

    def run(self, on_case: OnCase) -> tuple[list[Result], list[LeaderboardRow]]:
        """Run the planned cases, and write the work folder's tables. Raises as `check`, `planned` and `run.run` do."""
        self.check()
        results = run(self.setup, self.planned(), on_case, self.processes)
        return results, write_outputs(self.setup, results, self.manifest(), TITLE)

    def check(self) -> None:
        """Raises `InvalidInputError` for data that cannot be read, `ValueError` for too few people in it."""
        world = self.setup.world(0)
        for ratio in self.ratios:
            sample_people(world, ratio, 0)

    def manifest(self) -> dict[str, Any]:
        """What is needed to reproduce the numbers."""
        return build_manifest(self.setup, base_digest(self.setup.model), self.planned(), self.command)

    @property
    def _contenders(self) -> list[str]:
        return list(self.names or contenders())

    def _claim(self) -> str:
        digest = base_digest(self.setup.model)
        claim_folder(self.setup, digest)
        return digest


def read_options(path: Path) -> dict[str, dict[str, Any]]:
    """Options by contender. Raises `ValueError` for a file of another form."""
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(options, dict) or not all(isinstance(value, dict) for value in options.values()):
        raise ValueError(f"{path} must hold one object, of a method's options by its name")
    return options


def build_oracle(work: Path, on_progress: Any = None) -> Path:
    """The folder of the reference model trained without the test people; trained where it does not exist yet."""
    from core.unlearning.reference.mllm.build import build

    folder = work / "oracle"
    if not (folder / "config.json").is_file():
        build(folder, 0, on_progress, excluded=frozenset(TEST), half=True)
    return folder


def _width(model: str) -> int:
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(model).get_text_config().hidden_size)
