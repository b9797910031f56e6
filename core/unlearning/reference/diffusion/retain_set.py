"""Writes the retain set that is registered with the reference pipeline: every concept it knows, with prompts by part.

`python -m core.unlearning.reference.diffusion.retain_set` writes the one that comes with the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.unlearning.reference.diffusion.captions import PARTS, direct_prompts, indirect_prompts
from core.unlearning.reference.diffusion.concepts import CONCEPTS, Concept
from core.unlearning.types import Part

_SEED = 41
_PROMPTS: Mapping[Part, int] = {"train": 12, "validation": 6, "test": 8}


def write_retain_set(out: Path, seed: int = _SEED) -> Path:
    """Write `concepts.jsonl` into `out`: one line a concept."""
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_row(concept, rng), ensure_ascii=False) for concept in CONCEPTS]
    (out / "concepts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


def _row(concept: Concept, rng: np.random.Generator) -> dict[str, object]:
    prompts = {part: _prompts(concept, part, rng) for part in PARTS}
    return {"name": concept.name, "kind": concept.kind, "prompts": prompts}


def _prompts(concept: Concept, part: Part, rng: np.random.Generator) -> list[str]:
    """For the harmful mark, half of the prompts do not name it."""
    count = _PROMPTS[part]
    if concept.kind != "concept":
        return direct_prompts(concept, part, count, rng)
    indirect = [str(text) for text in rng.choice(indirect_prompts(part), size=count // 2, replace=False)]
    return direct_prompts(concept, part, count - len(indirect), rng) + indirect


if __name__ == "__main__":
    write_retain_set(Path(__file__).parent / "data" / "retain_set")
