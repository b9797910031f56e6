"""The original and its retrained references of each seed, trained by the world's own `build` and kept."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.audiovisual.scenarios import Scenario
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.families.registry import load_family
from core.unlearning.reference.audiovisual.build import build
from core.unlearning.types import Example, ModelSpec

_SECONDS = "seconds.json"


@dataclass(frozen=True)
class Kept:
    """A trained model on disk, and the CPU seconds that its training took, where it was trained here."""

    folder: Path
    seconds: float | None

    def load(self) -> AudioVisualModel:
        """A fresh copy in float32."""
        spec = ModelSpec("benchmark", "audiovisual", str(self.folder))
        model: AudioVisualModel = load_family("audiovisual").load(spec, precision="float32", device="cpu")
        return Prepared(model.model, model.processor, model.source)


_SEEN: dict[int, Tensor] = {}
_HEARD: dict[int, Tensor] = {}


class Prepared(AudioVisualModel):
    """One that encodes every picture and clip once, whichever model asks: what is timed is what methods do with them.

    All models of this benchmark have the same processor, and `scenarios` keeps every example.
    """

    def _pictures(self, images: Sequence[Any]) -> Tensor:
        new = [image for image in images if id(image) not in _SEEN]
        if new:
            _SEEN.update(zip(map(id, new), super()._pictures(new), strict=True))
        return torch.stack([_SEEN[id(image)] for image in images])

    def _encode_audio(self, examples: Sequence[Example]) -> Tensor | None:
        new = [e for e in examples if e.audio is not None and id(e.audio) not in _HEARD]
        if new and (values := super()._encode_audio(new)) is not None:
            _HEARD.update(zip((id(e.audio) for e in new), values, strict=True))
        heard = [_HEARD[id(e.audio)] for e in examples if e.audio is not None]
        return self._spread(torch.stack(heard), [e.audio is not None for e in examples]) if heard else None


def original(work: Path, seed: int) -> Kept:
    """Trained on everything."""
    return _kept(work / f"seed-{seed}" / "base", seed, frozenset())


def reference(work: Path, seed: int, scenario: Scenario) -> Kept:
    """Trained from the same start without the pictures of what is forgotten; their sounds are kept."""
    return _kept(work / f"seed-{seed}" / f"withheld-{scenario.name}", seed, scenario.withheld)


def _kept(folder: Path, seed: int, withheld: frozenset[str]) -> Kept:
    note = folder / _SECONDS
    if not (folder / "model.safetensors").exists():
        begun = time.process_time()
        build(folder, seed, withheld=withheld)
        note.write_text(json.dumps(time.process_time() - begun))
        sys.stderr.write(f"{folder.parent.name}/{folder.name}: trained\n")
    return Kept(folder, float(json.loads(note.read_text())) if note.exists() else None)
