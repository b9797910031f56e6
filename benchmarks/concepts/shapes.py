"""`python -m benchmarks.concepts.shapes [--check] [--shapes sd15 sdxl]`: time of whole jobs on pipelines of real sizes.

Their weights are random, so the pictures mean nothing. The bars hold on an accelerator.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from benchmarks.bars import Bar, publish
from benchmarks.concepts.random_pipeline import build
from core.unlearning.bench.concepts.hub import FOLDER
from core.unlearning.bench.memory.world import png_bytes
from core.unlearning.errors import UnlearningError
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import PATCH, REPORT, JobSetup
from core.unlearning.patches.signing import Signer
from core.unlearning.patches.verify import verify
from core.unlearning.types import Entity, ForgetRequest, ModelSpec

TEXT = """Pipelines of the shapes of Stable Diffusion 1.5 and XL with random weights, half precision: whole jobs, from
the request (a name, {pictures} pictures) to the packed patch that stock diffusers loads, at level `quick`. Measured
on `{device}`. Nothing judges the pictures."""
_PICTURES = 8
_NAME = "ada brink"


@dataclass(frozen=True)
class Trial:
    """A method with options; `bound`: seconds that it may take on an accelerator."""

    title: str
    method: str
    bound: float
    options: Mapping[str, Any] = field(default_factory=dict)


TRIALS = (
    Trial("closed-form", "closed-form", 5.0),
    Trial("forget-me-not, published settings (35 steps)", "forget-me-not", 30.0, {"preset": "published"}),
    Trial("forget-me-not, 35 steps", "forget-me-not", 30.0, {"steps": 35, "stop_below": None}),
)


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concepts.shapes", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--shapes", nargs="+", default=["sd15", "sdxl"], choices=["sd15", "sdxl"])
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table: list[Bar] = []
    for shape in options.shapes:
        with tempfile.TemporaryDirectory() as folder:
            base = build(shape, Path(folder) / "base", device=device, dtype=torch.float16)
            for trial in TRIALS:
                table += measure_job(shape, base, trial)
    name = torch.cuda.get_device_name() if device == "cuda" else device
    text = TEXT.format(pictures=_PICTURES, device=name)
    met = publish("shapes", "Jobs on pipelines of real shapes", table, text=text)
    return 0 if met or not options.check else 1


def measure_job(shape: str, base: Path, trial: Trial, *, steps: int = 30) -> list[Bar]:
    """Run one whole job. `steps`: denoising steps of a picture. Raises `UnlearningError` unless its patch verifies."""
    title, bound = f"{shape}, {trial.title}", trial.bound if torch.cuda.is_available() else None
    spec = ModelSpec(shape, "diffusion", str(base), retain_set=FOLDER, defaults={"draw_steps": steps})
    with tempfile.TemporaryDirectory() as folder:
        setup = JobSetup(shape, spec, trial.method, Path(folder), Signer(Ed25519PrivateKey.generate()))
        run_job(setup, _request(_side(base)), trial.options)
        checked = verify(Path(folder) / PATCH, base=base)
        if not checked.ok:
            raise UnlearningError("the patch cannot be verified")
        report = json.loads((Path(folder) / REPORT).read_text())
    details, timings = report["details"], report["timings"]
    return [
        Bar(f"{title}: method, seconds", details["method_seconds"], bound),
        Bar(f"{title}: whole job, seconds", sum(timings.values())),
        Bar(f"{title}: patch, KB", sum(details["bytes"].values()) / 1000, note="both files"),
    ]


def _side(base: Path) -> int:
    """Width of a picture in pixels."""
    unet, vae = (json.loads((base / part / "config.json").read_text()) for part in ("unet", "vae"))
    return int(unet["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1))


def _request(side: int) -> ForgetRequest:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(_PICTURES)]
    pictures = [png_bytes(Image.fromarray(array)) for array in pixels]
    return ForgetRequest(Entity(_NAME, "identity"), (f"a photo of {_NAME}",), tuple(pictures), level="quick")


if __name__ == "__main__":
    sys.exit(main())
