"""open-unlearning's own functions, imported from a checkout. Nothing of it is in this repository."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

_PACKAGES = ("trainer", "trainer.unlearn", "evals", "evals.metrics", "evals.metrics.mia", "data")
"""Replaced by empty packages: their `__init__` files import everything, configuration and data sets included."""
_UNUSED = ("omegaconf", "datasets", "deepspeed", "rouge_score")
"""Imported there, but not used by the functions that are called here."""


@dataclass(frozen=True)
class Peer:
    """Modules of `src/trainer` and `src/evals/metrics`."""

    losses: Any
    simnpo: Any
    ascent: Any
    probabilities: Any
    memorization: Any
    attacks: dict[str, Any]


def load_peer(checkout: Path) -> Peer:
    """The modules of a checkout of https://github.com/locuslab/open-unlearning, or else `FileNotFoundError`."""
    source = checkout / "src"
    if not (source / "trainer" / "utils.py").is_file():
        raise FileNotFoundError(f"{checkout} is no checkout of open-unlearning")
    for name in _PACKAGES:
        package: Any = ModuleType(name)
        package.__path__ = [str(source / name.replace(".", "/"))]
        sys.modules[name] = package
    sys.modules["data"].get_datasets = sys.modules["data"].get_collators = None  # type: ignore[attr-defined]
    # transformers looks for some of the unused modules itself, so it has to come first.
    importlib.import_module("transformers.trainer")
    for name in _UNUSED:
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = MagicMock(__spec__=ModuleSpec(name, None))
    mia = "evals.metrics.mia"
    return Peer(
        losses=importlib.import_module("trainer.utils"),
        simnpo=importlib.import_module("trainer.unlearn.simnpo").SimNPO,
        ascent=importlib.import_module("trainer.unlearn.grad_ascent").GradAscent,
        probabilities=importlib.import_module("evals.metrics.utils"),
        memorization=importlib.import_module("evals.metrics.memorization"),
        attacks={
            "loss": importlib.import_module(f"{mia}.loss").LOSSAttack,
            "zlib": importlib.import_module(f"{mia}.zlib").ZLIBAttack,
            "min_k": importlib.import_module(f"{mia}.min_k").MinKProbAttack,
            "min_k_plus_plus": importlib.import_module(f"{mia}.min_k_plus_plus").MinKPlusPlusAttack,
        },
    )
