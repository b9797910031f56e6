"""`python -m benchmarks.smfa.ablation [--work DIR] [--people 2 4] [--seeds 1] [--variants …]`: the effect of each
ingredient of SMFA.

Each is left out in turn, on people whom `lethe bench mllm` sets aside for tuning, in this process and without the
service. Evaluated with renderings and wordings that no job sees, and compared with an oracle. `--work` keeps results.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.bars import RESULTS, environment
from benchmarks.smfa.probes import probe_examples
from core.unlearning import reference
from core.unlearning.bench.store import ResultStore
from core.unlearning.evaluation.membership import auc
from core.unlearning.families.language.evaluation.probes import non_members
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import ScoredAnswer, score
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.method import METHOD
from core.unlearning.methods.smfa.recipe import ANCHOR, Recipe
from core.unlearning.progress import Silent
from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm import sample
from core.unlearning.reference.mllm.people import Person
from core.unlearning.reference.mllm.probes import ProbeMaker
from core.unlearning.types import Entity, Example, ForgetRequest, JobData, ModelSpec, Split

GROUPS: Mapping[int, tuple[int, ...]] = {2: (3, 6), 4: (0, 2, 5, 6)}
"""By size: indices of people whom the bundled oracles never learned. Others look much like them, so that forgetting
that spreads is measurable."""
ORACLE = "oracle: never learned them"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "no general pictures and facts to keep": {"general_anchor": False},
    "nothing that the model says itself to keep": {"self_generated": False, "imagined": 0},
    "rows to keep as they come, not by kind": {"anchor_batch": 0, "batch": 64},
    "no calibration against over-refusal": {"imagined": 0, "focus": 0.0},
    "calibration: imagined pictures only": {"focus": 0.0},
    "calibration: focus only": {"imagined": 0},
    "not sculpted (k infinite)": {"k_image": "inf"},
    "k as in the paper (5)": {"k_image": 5.0},
    "no early stop": {"stop_below": None},
    "refusals to learn, not strangers' distributions": {"forget_target": "refusal"},
    "mode erasure": {"mode": "erasure"},
}
COLUMNS = {
    "recall": "recall",
    "probability": "probability",
    "unseen_image": "unseen, pictures: drop",
    "unseen_text": "unseen, names: drop",
    "understanding": "understanding: drop",
    "auc_image": "AUC, pictures",
    "auc_text": "AUC, names",
    "k": "k",
    "steps": "steps",
}
TEXT = """Every ingredient of SMFA's default left out in turn: {groups} people forgotten, {seeds} seed(s) each.
Means; recall and probability are of forgotten answers, drops are of right answers about people in no data of the job,
AUC is membership's, by log-probability, and the oracle's is the target."""


Numbers = Mapping[str, float]


@dataclass(frozen=True)
class AblationCase:
    """One group with one seed. `before`: scores of the unpatched model."""

    data: JobData
    examples: list[Example]
    before: list[ScoredAnswer]


def main() -> int:
    """Run what is not stored yet, write `results/smfa_ablation.{json,md}`."""
    options = _arguments()
    lm = _model(reference.bundled_path("mllm"))
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        runs = _runs(lm, options, ResultStore(work))
    _publish(runs, options.people, options.seeds)
    return 0


def _model(path: Path) -> LanguageModel:
    loaded: LanguageModel = load_family("mllm").load(ModelSpec("reference", "mllm", str(path)), precision="float32")
    return loaded


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smfa.ablation", description=__doc__)
    parser.add_argument("--work", type=Path, help="keep measurements here and resume from them")
    parser.add_argument("--people", type=int, nargs="+", choices=GROUPS, default=[*GROUPS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[*VARIANTS])
    return parser.parse_args()


def _runs(lm: LanguageModel, options: argparse.Namespace, store: ResultStore) -> dict[str, list[Numbers]]:
    """The numbers of each variant. A group's data is built once, when the first of its runs needs it."""
    runs: dict[str, list[Numbers]] = defaultdict(list)
    for people, seed in product(options.people, options.seeds):
        case = cache(partial(_case, lm, GROUPS[people], seed))
        for name in [ORACLE, *options.variants]:
            stored_name = f"{people}-{seed}-{[ORACLE, *VARIANTS].index(name)}"
            runs[name].append(store.read_or_measure(stored_name, partial(_measure, lm, case, name, seed)))
    return runs


def _case(lm: LanguageModel, group: Sequence[int], seed: int) -> AblationCase:
    people = [world.known_people()[i] for i in group]
    with tempfile.TemporaryDirectory() as scratch:
        folder = sample.write_sample([p.name for p in people], Path(scratch), seed=seed)
        request = json.loads((folder / "request.json").read_text())
        images = tuple(path.read_bytes() for path in sorted((folder / "images").iterdir()))
    entity = Entity(people[0].name, aliases=tuple(p.name for p in people[1:]))
    retain = reference.bundled_path("mllm").parent / "retain_set"
    data = load_family("mllm").build_data(
        lm, ForgetRequest(entity, tuple(request["prompts"]), images), retain, Silent(), seed
    )
    examples = [*_evaluation_examples(people, seed)]
    return AblationCase(data, examples, score(lm, examples))


def _evaluation_examples(people: Sequence[Person], seed: int) -> Iterator[Example]:
    make = ProbeMaker("held_out_a", 1000 + seed)
    used = {*world.RETAIN_TRAIN, *world.RETAIN_VALIDATION, *(p.index for p in people)}
    for person in people:
        yield from probe_examples("forget_image_memory", make.image_memory([person], 3), person.name)
        yield from probe_examples("forget_text_memory", make.text_memory([person], 2), person.name)
        yield from probe_examples("forget_understanding", make.understanding([person.code], 2), person.name)
    for person in (p for p in world.known_people() if p.index not in used):
        yield from probe_examples("unseen_image_memory", make.image_memory([person], 2), person.name)
        yield from probe_examples("unseen_text_memory", make.text_memory([person], 1), person.name)
    strangers = [p.code for p in world.never_trained_people()[:20]]
    yield from probe_examples("declined", make.declined_pictures(strangers))
    for name in world.unknown_names("held_out_a")[-12:]:
        yield from probe_examples("declined", make.declined_names([name]), name)


def _measure(lm: LanguageModel, case: Callable[[], AblationCase], name: str, seed: int) -> Numbers:
    numbers = _oracle_numbers(case()) if name == ORACLE else _variant_numbers(lm, case(), name, seed)
    sys.stderr.write(f"{name}: done\n")
    return numbers


def _variant_numbers(lm: LanguageModel, case: AblationCase, name: str, seed: int) -> Numbers:
    options = Options.model_validate({**VARIANTS[name], "seed": seed})
    with tempfile.TemporaryDirectory() as scratch:
        result = METHOD.run(lm, case.data, options, JobContext(Path(scratch)))
        recipe = Recipe.open(Path(scratch) / "recipe")
        k = float(result.details["k_image"])
        with applying_deltas(lm.model, recipe.sculpted()):
            numbers = _numbers(lm, case)
    steps = sum(n for course, n in result.details["steps"].items() if course != ANCHOR)
    return {**numbers, "k": k if math.isfinite(k) else -1.0, "steps": steps}


def _oracle_numbers(case: AblationCase) -> Numbers:
    """Numbers about forgotten facts only: of other people the oracle knows fewer than the base."""
    numbers = _numbers(_model(reference.oracle_paths("mllm")[0]), case)
    return {name: numbers[name] for name in ("recall", "probability", "auc_image", "auc_text")}


_FORGET: Mapping[str, Split] = {"image": "forget_image_memory", "text": "forget_text_memory"}


def _numbers(lm: LanguageModel, case: AblationCase) -> Numbers:
    splits: dict[str, list[tuple[ScoredAnswer, ScoredAnswer]]] = defaultdict(list)
    for example, then, now in zip(case.examples, case.before, score(lm, case.examples), strict=True):
        splits[example.split].append((then, now))
    forgotten = [now for split in _FORGET.values() for _, now in splits[split]]
    return {
        "recall": fmean(now.greedy for now in forgotten),
        "probability": fmean(math.exp(now.total) for now in forgotten),
        "unseen_image": _drop(splits["unseen_image_memory"]),
        "unseen_text": _drop(splits["unseen_text_memory"]),
        "understanding": _drop(splits["forget_understanding"]),
        **{
            f"auc_{view}": auc(
                _means(now for _, now in splits[split]), _means(score(lm, non_members(case.examples, split)))
            )
            for view, split in _FORGET.items()
        },
    }


def _means(scored: Iterable[ScoredAnswer]) -> list[float]:
    """Log-probability per token."""
    return [answer.total / answer.tokens for answer in scored]


def _drop(pairs: Sequence[tuple[ScoredAnswer, ScoredAnswer]]) -> float:
    """The drop of the share of right answers, by teacher forcing."""
    return fmean(float(then.greedy) - float(now.greedy) for then, now in pairs)


def _publish(runs: Mapping[str, Sequence[Numbers]], people: Sequence[int], seeds: Sequence[int]) -> None:
    document = {
        "environment": environment(),
        "groups": [GROUPS[count] for count in people],
        "seeds": list(seeds),
        "variants": VARIANTS,
        "raw": runs,
    }
    (RESULTS / "smfa_ablation.json").write_text(json.dumps(document, indent=1) + "\n")
    text = TEXT.format(groups=" and ".join(map(str, people)), seeds=len(seeds))
    head = f"# What each ingredient of SMFA is worth\n\n{text}\n\n| variant | {' | '.join(COLUMNS.values())} |\n"
    rows = "".join(_row(name, numbers) for name, numbers in runs.items())
    table = head + "|---" * (len(COLUMNS) + 1) + "|\n" + rows
    (RESULTS / "smfa_ablation.md").write_text(table)
    sys.stdout.write(table)


def _row(name: str, runs: Sequence[Numbers]) -> str:
    cells = [_cell(column, [run[column] for run in runs if column in run]) for column in COLUMNS]
    return f"| {name} | {' | '.join(cells)} |\n"


def _cell(column: str, values: Sequence[float]) -> str:
    if not values:
        return "–"
    if column == "k":
        return ", ".join("∞" if value < 0 else f"{value:g}" for value in values)
    return f"{fmean(values):.0f}" if column == "steps" else f"{fmean(values):.3f}"


if __name__ == "__main__":
    sys.exit(main())
