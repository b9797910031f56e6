"""Accuracy of the bundled reference models, loaded and prompted as a user would.

`python -m benchmarks.worlds.reference --check` measures with greedy decoding and stock sampling on renderings and
wordings that were in no training, writes `results/reference.json` and `.md`, and exits non-zero while a bar is missed.
`--build` also trains the multimodal base model from scratch (about five minutes on two cores), measures it against the
same bars and times it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import Bar, publish
from benchmarks.worlds import audiovisual_world, diffusion_world
from core.unlearning import reference
from core.unlearning.reference.mllm.build import build
from core.unlearning.reference.mllm.evaluate import SavedModel
from core.unlearning.reference.mllm.people import STANDARD_PEOPLE
from core.unlearning.reference.mllm.probes import probe_requirements

BUILD_SECONDS = 300
MEGABYTES = 12.0
TEXT = (
    "Share of probes answered right: free-running greedy decoding, renderings and wordings that were in no training. "
    "Of the drawn world: the share of pictures in which a classifier sees what the prompt asks for."
)


def model_rows(label: str, directory: Path, excluded: frozenset[int] = frozenset()) -> Iterator[Bar]:
    """The share of right answers for every kind of probe."""
    model = SavedModel(directory)
    for requirement in probe_requirements("held_out_b", excluded=excluded):
        probes = requirement.probes()
        accuracy = model.accuracy(probes)
        yield Bar(f"{label}: {requirement.name}", accuracy, requirement.at_least, ">=", n=len(probes))


def size_row() -> Bar:
    data = reference.bundled_path("mllm").parent
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return Bar("package data, MB", size / 1e6, MEGABYTES)


def build_rows() -> Iterator[Bar]:
    """Train from scratch, and measure the model and its time."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        built = build(Path(folder), seed=0)
        yield Bar("build, seconds", time.perf_counter() - started, BUILD_SECONDS)
        yield from model_rows("built", built)


def rows(with_build: bool) -> Iterator[Bar]:
    yield from model_rows("base", reference.bundled_path("mllm"))
    for oracle in reference.oracle_paths("mllm"):
        yield from model_rows(oracle.name, oracle, STANDARD_PEOPLE)
    yield size_row()
    yield from diffusion_world.rows()
    yield from audiovisual_world.rows()
    if with_build:
        yield from build_rows()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit non-zero while a bar is missed")
    parser.add_argument("--build", action="store_true", help="also train the base model from scratch")
    options = parser.parse_args()
    met = publish("reference", "Reference models", list(rows(options.build)), text=TEXT)
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
