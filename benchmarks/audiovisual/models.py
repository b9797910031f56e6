"""The original and its retrained references of each seed, trained by the reference world's `build` and cached."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.audiovisual.scenarios import Scenario
from core.unlearning.bench.store import ResultStore
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.families.registry import load_family
from core.unlearning.reference.audiovisual.build import build
from core.unlearning.types import Example, ModelSpec

_SECONDS = "seconds"
"""Stored name of the CPU seconds that training took."""


@dataclass(frozen=True)
class CachedModel:
    """A trained model's folder, and the CPU seconds that its training took where it was trained here."""

    folder: Path
    seconds: float | None

    def load(self) -> AudioVisualModel:
        """A fresh copy in float32."""
        spec = ModelSpec("benchmark", "audiovisual", str(self.folder))
        model: AudioVisualModel = load_family("audiovisual").load(spec, precision="float32", device="cpu")
        return CachingModel(model.model, model.processor, model.source)


_PIXELS: dict[int, Tensor] = {}
_AUDIO: dict[int, Tensor] = {}


class CachingModel(AudioVisualModel):
    """A model that shares the encoding of pictures and clips with all others, so that times do not include it.

    All models of this benchmark have the same processor. Encodings are keyed by object identity, which is safe because
    `scenarios` caches every example.
    """

    def _pictures(self, images: Sequence[Any]) -> Tensor:
        new = [image for image in images if id(image) not in _PIXELS]
        if new:
            _PIXELS.update(zip(map(id, new), super()._pictures(new), strict=True))
        return torch.stack([_PIXELS[id(image)] for image in images])

    def _encode_audio(self, examples: Sequence[Example]) -> Tensor | None:
        new = [e for e in examples if e.audio is not None and id(e.audio) not in _AUDIO]
        if new and (values := super()._encode_audio(new)) is not None:
            _AUDIO.update(zip((id(e.audio) for e in new), values, strict=True))
        clips = [_AUDIO[id(e.audio)] for e in examples if e.audio is not None]
        return self._spread(torch.stack(clips), [e.audio is not None for e in examples]) if clips else None


def original(work: Path, seed: int) -> CachedModel:
    """The model trained on everything."""
    return _cached_model(work / f"seed-{seed}" / "base", seed, frozenset())


def reference(work: Path, seed: int, scenario: Scenario) -> CachedModel:
    """The model trained from the same initial weights without the forgotten pictures, but with their sounds."""
    return _cached_model(work / f"seed-{seed}" / f"withheld-{scenario.name}", seed, scenario.withheld)


def _cached_model(folder: Path, seed: int, withheld: frozenset[str]) -> CachedModel:
    store = ResultStore(folder)
    if not (folder / "model.safetensors").exists():
        started = time.process_time()
        build(folder, seed, withheld=withheld)
        store.write(_SECONDS, time.process_time() - started)
        sys.stderr.write(f"{folder.parent.name}/{folder.name}: trained\n")
    return CachedModel(folder, store.read(_SECONDS))
