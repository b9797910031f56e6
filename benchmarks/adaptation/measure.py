"""Tokens, floating-point operations, time and memory of a few steps in one of the ways."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils import flop_counter
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.adaptation.ways import Way
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.adapters import activate_adapter, with_adapters
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.hardware.allocator import release_free_blocks
from core.unlearning.methods.shared.lora_forgetting import targets_of
from core.unlearning.methods.smfa.config import Options

_flops: Any = flop_counter  # its functions carry no types
_OPTIONS = Options.model_validate({"rank": 16, "seed": 0})


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(_flops.sdpa_flop_count(query, key, value))


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(_flops.sdpa_backward_flop_count(gradient, query, key, value))


_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""PyTorch's counter counts these kernels on accelerators only."""


@dataclass(frozen=True)
class Cost:
    """The cost of the preparation and of a step.

    Of a step: median seconds, floating-point operations, tokens through the language model in one forward pass, peak
    bytes. `losses`: of all steps' rows, to be compared.
    """

    prepared: float
    seconds: float
    flops: float
    prepared_flops: float
    tokens: float
    peak: float
    losses: Tensor

    def job(self, steps: int) -> float:
        """Seconds of a job with this number of steps."""
        return self.prepared + steps * self.seconds

    def job_flops(self, steps: int) -> float:
        """Floating-point operations of a job with this number of steps."""
        return self.prepared_flops + steps * self.flops


@contextmanager
def adapted(lm: LanguageModel) -> Iterator[tuple[Any, list[torch.nn.Parameter]]]:
    """The model with a random LoRA, and its parameters."""
    with with_adapters(lm.model, ["a"], targets_of(lm, _OPTIONS), _OPTIONS) as wrapped:
        parameters = activate_adapter(wrapped, "a")
        torch.manual_seed(1)
        for parameter in parameters:
            parameter.data.normal_(std=0.1)
        yield wrapped, parameters


def measure(way: Way, lm: LanguageModel, rows: Sequence[TrainingRow], batches: Sequence[Sequence[int]]) -> Cost:
    """Run a step for each batch of row indices: once to count operations, once to measure time."""
    with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counted:
        way.prepare(lm, rows)
    # Counting slows small models down, so the second time is reported.
    lm.sharing = type(lm.sharing)()
    started = time.perf_counter()
    prepared = way.prepare(lm, rows)
    spent = time.perf_counter() - started
    with adapted(lm) as (model, parameters):

        def step(chosen: Sequence[int]) -> Tensor:
            step_losses = []
            for part in way.passes([prepared[n] for n in chosen]):
                losses = way.losses(lm, model, part)
                torch.autograd.backward(losses.sum() / len(chosen))
                step_losses.append(losses.detach())
            for parameter in parameters:
                parameter.grad = None
            return torch.cat(step_losses)

        reset_peak(lm.device)
        before = memory(lm.device)
        with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as in_step:
            losses = [step(chosen) for chosen in batches]
        used = peak(lm.device) - before
        seconds = [timed(lambda chosen=chosen: step(chosen), lm.device) for chosen in batches]
        tokens = [way.tokens(lm, [prepared[n] for n in chosen]) for chosen in batches]
    flops = in_step.get_total_flops() / len(batches)
    mean_tokens = sum(tokens) / len(tokens)
    return Cost(
        spent, median(seconds), flops, counted.get_total_flops(), mean_tokens, used, torch.cat(losses).float().cpu()
    )


def timed(run: Any, device: torch.device) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def reset_peak(device: torch.device) -> None:
    """Restart the measurement of peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        # Free blocks of the allocator count as resident: returned first, they do not hide the next way's use.
        release_free_blocks()
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> float:
    """Peak memory in bytes since `reset_peak`."""
    return float(torch.cuda.max_memory_allocated()) if device.type == "cuda" else _status("VmHWM")


def memory(device: torch.device) -> float:
    """Memory in use, in bytes."""
    return float(torch.cuda.memory_allocated()) if device.type == "cuda" else _status("VmRSS")


def _status(field: str) -> float:
    """A size of this process in bytes, from Linux's `/proc/self/status`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
