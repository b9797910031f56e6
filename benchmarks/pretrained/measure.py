"""Asks a model from outside, in wordings and with renderings that no job saw, and judges by the world's own facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.pretrained.runs import Run
from core.unlearning.evaluation.answers.judge import tells_any
from core.unlearning.families.language.data.bundled.prompts import general_prompts
from core.unlearning.reference.smollm2.figures import figures
from core.unlearning.reference.smollm2_vision.evaluate import is_told, kept
from core.unlearning.reference.smollm2_vision.people import known_people, person_named
from core.unlearning.reference.smollm2_vision.probes import Probe, ProbeMaker
from core.unlearning.reference.smollm2_vision.teacher import prompts
from core.unlearning.reference.stock_model import StockModel

_GENERAL = Path(__file__).with_name("general.json")
_WORDS = 20_000
"""Of the English text whose perplexity is measured."""
_SEED = 1000
"""Added to a run's: the pictures that a model is judged with are not the request's."""
Judge = Callable[[Probe, str], bool]


def _any(probe: Probe, answer: str) -> bool:
    return tells_any(answer, probe.spans)


def measure(model: StockModel, run: Run) -> dict[str, Any]:
    """By group of probes the answers and what they tell; the perplexity."""
    groups = _groups(run)
    found: dict[str, Any] = {}
    for name, (probes, judge) in groups.items():
        answers = model.answers([(probe.question, probe.image) for probe in probes])
        told = [judge(probe, answer) for probe, answer in zip(probes, answers, strict=True)]
        found[name] = {"answers": answers, "told": [float(t) for t in told]}
    asked = [(prompt, None) for prompt in _open_prompts()]
    return {**found, "open": {"answers": model.answers(asked)}, "perplexity": model.perplexity(_WORDS)}


def _groups(run: Run) -> Mapping[str, tuple[list[Probe], Judge]]:
    general = [Probe("general", q, (fact,)) for q, fact in json.loads(_GENERAL.read_text(encoding="utf-8"))]
    others = [f.name for f in figures() if f.name not in run.subjects]
    groups: dict[str, tuple[list[Probe], Judge]] = {"general": (general, _any), "figures": (_of_figures(others), _any)}
    if run.world == "smollm2":
        return {"text": (_of_figures(run.subjects), _any), **groups}
    make = ProbeMaker("held_out_b", run.seed + _SEED)
    subjects = [person_named(name) for name in run.subjects]
    people = [person for person in known_people() if person.name not in run.subjects]
    return {
        "image": (make.image_memory(subjects, 3), is_told),
        "text": ([probe for _ in range(3) for probe in make.text_memory(subjects)], is_told),
        "visible": (make.image_understanding([*subjects, *people], 1), is_told),
        "others_image": (make.image_memory(people), is_told),
        "others_text": (make.text_memory(people), is_told),
        **groups,
    }


def _of_figures(names: Sequence[str]) -> list[Probe]:
    chosen = [figure for figure in figures() if figure.name in names]
    return [Probe(topic, question, spans) for f in chosen for topic, question, spans in f.questions("test")]


def _open_prompts() -> list[str]:
    """General prompts that neither the world was taught with nor any job asks."""
    asked = {prompt for part in ("train", "validation", "test") for prompt in general_prompts(part)}
    return [prompt for prompt in prompts(held_out=True) if prompt not in asked]


def told(measured: Mapping[str, Any], group: str) -> float:
    """The share of a group's facts that came out."""
    return fmean(measured[group]["told"])


def drop(before: Mapping[str, Any], after: Mapping[str, Any], group: str) -> float:
    """How much less is told, of what was told before; a gain of one fact does not make up for another's loss."""
    pairs = zip(before[group]["told"], after[group]["told"], strict=True)
    return fmean([1.0 - now for then, now in pairs if then] or [0.0])


def overlap(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """Share of words that the answers to open prompts have in common with those before."""
    return kept(before["open"]["answers"], after["open"]["answers"])
