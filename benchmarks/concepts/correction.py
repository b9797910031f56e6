"""Concept correction: an ambiguous word draws its rarer meaning once the dominant one is forgotten."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from benchmarks.bars import Bar
from core.unlearning.bench.concepts.attacks import share_recognised
from core.unlearning.bench.concepts.jobs import under_patch
from core.unlearning.bench.concepts.setup import ConceptSetup
from core.unlearning.bench.store import ResultStore
from core.unlearning.families.diffusion.data.build import build_data
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue, load_method
from core.unlearning.progress import Silent
from core.unlearning.reference.diffusion.captions import concept_scenes, homonym_prompts
from core.unlearning.reference.diffusion.concepts import DOMINANT, HOMONYM, OVERSHADOWED, concept_named
from core.unlearning.reference.diffusion.drawing import draw
from core.unlearning.types import Entity, ForgetRequest, JobData

METHODS = ("closed-form", "forget-me-not")
_NAME, _BEFORE = "correction", "before"
_PICTURES, _EACH = 12, 8
Shares = Mapping[str, float]
"""Shares of pictures that show each meaning: drawn for the homonym, and for the dominant meaning's own name."""


def measure_correction(setup: ConceptSetup, methods: Sequence[str], seeds: Sequence[int]) -> dict[str, list[Shares]]:
    """Before, and after each method with each seed. Stored shares are not measured again."""

    def stored(name: str, measure: Callable[[], Shares]) -> Shares:
        shares: Shares = setup.store.read_or_measure(f"{_NAME}.{name}", measure)
        return shares

    measured = {_BEFORE: [stored(_BEFORE, lambda: _shares(setup, setup.model))]}
    for method in METHODS:
        if method in methods:
            measured[method] = [
                stored(f"{method}.{seed}", partial(_shares_under_patch, setup, method, seed)) for seed in seeds
            ]
    return measured


def stored_shares(work: Path) -> dict[str, list[Shares]]:
    """The shares that an earlier run stored."""
    stored = {name: ResultStore(work).read_all(f"{_NAME}.{name}*") for name in (_BEFORE, *METHODS)}
    return {name: shares for name, shares in stored.items() if shares}


def correction_bars(measured: Mapping[str, Sequence[Shares]]) -> list[Bar]:
    """A row for each share, before and after each method."""
    return [bar for name, shares in measured.items() for bar in _bars(name, shares)]


def _shares_under_patch(setup: ConceptSetup, method: str, seed: int) -> Shares:
    options = catalogue()[method].options.model_validate({"seed": seed})
    data = _data(setup)
    with tempfile.TemporaryDirectory() as folder:
        result = load_method(method).run(setup.model, data, options, JobContext(Path(folder)))
        with under_patch(setup.model, result.adapter) as patched:
            return _shares(setup, patched)


def _data(setup: ConceptSetup) -> JobData:
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
    return build_data(setup.model, request, setup.retain_set, Silent(), seed=0)


def _shares(setup: ConceptSetup, model: DiffusionModel) -> dict[str, float]:
    homonym, named = homonym_prompts("test"), [p.replace(HOMONYM, DOMINANT) for p in homonym_prompts("test")]
    ambiguous = model.draw([homonym[n % len(homonym)] for n in range(2 * _EACH)], range(2 * _EACH))
    by_name = model.draw([named[n % len(named)] for n in range(_EACH)], range(_EACH))
    return {
        "the other meaning is drawn": share_recognised(setup.judges, OVERSHADOWED, ambiguous),
        "the dominant meaning is drawn": share_recognised(setup.judges, DOMINANT, ambiguous),
        "the dominant meaning is drawn by its own name": share_recognised(setup.judges, DOMINANT, by_name),
    }


def _bars(title: str, runs: Sequence[Shares]) -> list[Bar]:
    rows = []
    for what in runs[0]:
        values = [shares[what] for shares in runs]
        spread = stdev(values) if len(values) > 1 else None
        rows.append(Bar(f"correction, {title}: {what}", fmean(values), spread=spread, n=len(values)))
    return rows
