"""Concept correction: a word that one meaning dominates draws the other once that meaning is forgotten."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from benchmarks.bars import Bar
from core.unlearning.bench.concepts.attacks import shown
from core.unlearning.bench.concepts.patched import under_patch
from core.unlearning.bench.concepts.run import Bench
from core.unlearning.families.diffusion.data import build_data
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue, load_method
from core.unlearning.progress import Silent
from core.unlearning.reference.diffusion.captions import concept_scenes, homonym_prompts
from core.unlearning.reference.diffusion.concepts import DOMINANT, HOMONYM, OVERSHADOWED, concept_named
from core.unlearning.reference.diffusion.drawing import draw
from core.unlearning.types import Entity, ForgetRequest, JobData

METHODS = ("closed-form", "forget-me-not")
_FILES, _BEFORE = "correction", "before"
_PICTURES, _EACH = 12, 8
Shares = Mapping[str, float]
"""Of the homonym's pictures, by what they show; and of pictures of the dominant meaning asked for by its own name."""


def corrected(bench: Bench, methods: Sequence[str], seeds: Sequence[int]) -> dict[str, list[Shares]]:
    """Before, and after each method with each seed; what is in the bench's folder already is read."""
    found = {_BEFORE: [_kept(bench, _BEFORE, lambda: _shares(bench, bench.model))]}
    for method in METHODS:
        if method in methods:
            found[method] = [_kept(bench, f"{method}.{seed}", _job(bench, method, seed)) for seed in seeds]
    return found


def kept_shares(work: Path) -> dict[str, list[Shares]]:
    """What the folder holds of the same."""
    named = {name: sorted(work.glob(f"{_FILES}.{name}*.json")) for name in (_BEFORE, *METHODS)}
    return {name: [json.loads(file.read_text()) for file in files] for name, files in named.items() if files}


def correction_bars(found: Mapping[str, Sequence[Shares]]) -> list[Bar]:
    """A row for each share, before and after each method."""
    return [bar for name, shares in found.items() for bar in _bars(name, shares)]


def _job(bench: Bench, method: str, seed: int) -> Callable[[], Shares]:
    return lambda: _corrected(bench, method, seed)


def _corrected(bench: Bench, method: str, seed: int) -> Shares:
    options = catalogue()[method].options.model_validate({"seed": seed})
    data = _data(bench)
    with tempfile.TemporaryDirectory() as folder:
        made = load_method(method).run(bench.model, data, options, JobContext(Path(folder)))
        with under_patch(bench.model, made.adapter) as patched:
            return _shares(bench, patched)


def _data(bench: Bench) -> JobData:
    """Pictures of the dominant meaning, the shared word as the name, the other meaning as the replacement."""
    rng = np.random.default_rng(0)
    scenes = concept_scenes(concept_named(DOMINANT), _PICTURES, rng)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{n}.png" for n in range(len(scenes))]
        for scene, file in zip(scenes, files, strict=True):
            draw(scene, rng).save(file)
        images = tuple(file.read_bytes() for file in files)
    request = ForgetRequest(
        Entity(HOMONYM, "identity"),
        prompts=tuple(homonym_prompts("train")),
        images=images,
        replacement=f"a {OVERSHADOWED}",
    )
    return build_data(bench.model, request, bench.retain_set, Silent(), seed=0)


def _shares(bench: Bench, model: DiffusionModel) -> dict[str, float]:
    homonym, named = homonym_prompts("test"), [p.replace(HOMONYM, DOMINANT) for p in homonym_prompts("test")]
    ambiguous = model.draw([homonym[n % len(homonym)] for n in range(2 * _EACH)], range(2 * _EACH))
    by_name = model.draw([named[n % len(named)] for n in range(_EACH)], range(_EACH))
    return {
        "the other meaning is drawn": shown(bench.eyes, OVERSHADOWED, ambiguous),
        "the dominant meaning is drawn": shown(bench.eyes, DOMINANT, ambiguous),
        "the dominant meaning is drawn by its own name": shown(bench.eyes, DOMINANT, by_name),
    }


def _kept(bench: Bench, name: str, measure: Callable[[], Shares]) -> Shares:
    file = bench.work / f"{_FILES}.{name}.json"
    if not file.is_file():
        file.write_text(json.dumps(measure()) + "\n")
    shares: Shares = json.loads(file.read_text())
    return shares


def _bars(title: str, found: Sequence[Shares]) -> list[Bar]:
    rows = []
    for what in found[0]:
        values = [shares[what] for shares in found]
        spread = stdev(values) if len(values) > 1 else None
        rows.append(Bar(f"correction, {title}: {what}", fmean(values), spread=spread, n=len(values)))
    return rows
