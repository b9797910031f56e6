"""On a GPU: a whole `smfa` job on a model of LLaVA-1.5-7B's shape, bfloat16, random weights."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.adaptation.shapes import LLAVA_7B, random_model
from benchmarks.bars import Bar
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.method import METHOD
from core.unlearning.types import Example, JobData, Split

IMAGES, QUESTIONS = 10, 20
_SIDE = 8192


def rows() -> Iterator[Bar]:
    """Empty where there is no GPU."""
    name = f"{LLAVA_7B.name} shape, bfloat16, {IMAGES} x {QUESTIONS}, whole smfa job"
    if not torch.cuda.is_available():
        return
    lm = random_model(LLAVA_7B, "cuda", torch.bfloat16)
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder, FlopCounterMode(display=False) as counted:
        started = time.perf_counter()
        METHOD.run(lm, _data(), Options(), JobContext(Path(folder)))
        torch.cuda.synchronize()
        seconds = time.perf_counter() - started
    rate = counted.get_total_flops() / seconds
    card = torch.cuda.get_device_name()
    yield Bar(f"{name}: share of what a product of matrices reaches on the card", rate / _peak_rate(), note=card)
    yield Bar(f"{name}: seconds", seconds, note=card)
    yield Bar(f"{name}: peak memory, GB", torch.cuda.max_memory_allocated() / 1e9, note=card)


def _peak_rate() -> float:
    """Operations per second of one large matrix product in bfloat16."""
    left = torch.randn(_SIDE, _SIDE, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        left @ left
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        left @ left
    torch.cuda.synchronize()
    return 10 * 2 * _SIDE**3 / (time.perf_counter() - started)


def _data() -> JobData:
    """Half of the pictures to forget, half to retain; another wording of each question is for validation."""
    rng = np.random.default_rng(0)
    train, validation = list[Example](), list[Example]()
    for n in range(IMAGES):
        picture = Image.fromarray(rng.integers(0, 256, (336, 336, 3), dtype=np.uint8))
        split: Split = "forget_image_memory" if n < IMAGES // 2 else "retain_image_memory"
        for q in range(QUESTIONS):
            answer, subject = f"number {rng.integers(1000)}", "Ada Okoro"
            train.append(Example(split, f"What is fact {q} about this person?", answer, picture, subject))
            validation.append(Example(split, f"Please tell me fact {q} about this person.", answer, picture, subject))
    return JobData(tuple(train), tuple(validation[::4]), ())
